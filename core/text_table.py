"""Tables and counts as plain text."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table of text, with numbers aligned to the right and the rest to the left.

    >>> print(table(("model", "accuracy"), [("mlp", 0.75), ("resnet1d", 0.985)]))
    model     accuracy
    mlp          0.750
    resnet1d     0.985
    """
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [all(isinstance(v, int | float) for v in c) for c in zip(*rows, strict=True)]
    right = right or [False] * len(head)
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in cells
    ]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun.

    >>> counted(1, "epoch"), counted(1000, "step"), counted(2, "pass")
    ('1 epoch', '1,000 steps', '2 passes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"
