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


def blocks(
    head: Sequence[str], rows: Sequence[Sequence[str]], width: int = 80
) -> list[tuple[list[str], list[list[str]]]]:
    """Divide a table into tables of at most `width` columns of text, each with the first column.

    >>> blocks(("run", "loss", "accuracy"), [("a", "0.5", "0.9")], width=12)
    [(['run', 'loss'], [['a', '0.5']]), (['run', 'accuracy'], [['a', '0.9']])]
    """
    columns = [list(column) for column in zip(head, *rows, strict=True)]
    widths = [max(map(len, column)) for column in columns]
    parts = [[0]]
    for number in range(1, len(columns)):
        needed = sum(widths[n] + 2 for n in [*parts[-1], number]) - 2
        if needed > width and len(parts[-1]) > 1:
            parts.append([0])
        parts[-1].append(number)
    return [([head[n] for n in part], [[row[n] for n in part] for row in rows]) for part in parts]


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def counted(number: int, noun: str) -> str:
    """Return a number and its noun.

    >>> counted(1, "epoch"), counted(1000, "step"), counted(2, "pass")
    ('1 epoch', '1,000 steps', '2 passes')
    """
    ending = "" if number == 1 else "es" if noun.endswith("s") else "s"
    return f"{number:,} {noun}{ending}"
