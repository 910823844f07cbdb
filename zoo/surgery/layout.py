"""`lay_out`: the table of a report within the width of a terminal."""

import re
from collections.abc import Sequence
from itertools import zip_longest

from ...core.text_table import table

__all__ = ["lay_out"]

_WIDTH, _GAP, _LEAST = 80, 2, 16
_HEAD = ("layer", "variable", "penalty", "strength", "share", "state")

Cells = tuple[str, str, Sequence[str], Sequence[str], str, str]


def lay_out(rows: Sequence[Cells]) -> str:
    """A table of six columns: two paths, names and strengths of terms, share, state.

    Each term has a line of its own, paths that are too long are broken after a slash or an
    underscore, and without a state the last column is left out. So it fits 80 columns, unless these
    leave less than 16 for a path.

    >>> rows = [("stage_one/conv", "kernel", ["L1", "Hoyer"], ["l1=0.1", "factor=0.2"], "99%", "")]
    >>> print(lay_out(rows))
    layer           variable  penalty  strength    share
    stage_one/conv  kernel    L1       l1=0.1      99%
                              Hoyer    factor=0.2
    """
    head = _HEAD if any(row[5] for row in rows) else _HEAD[:5]
    others = zip(*[([p], n, s, [share], [state]) for _, p, n, s, share, state in rows], strict=True)
    widths = [
        max(map(len, [title, *(line for lines in column for line in lines)]))
        for title, column in zip(head[1:], others, strict=False)
    ]
    free = _WIDTH - sum(widths[1:]) - _GAP * (len(head) - 1)
    of_variable = min(widths[0], max(free // 2, _LEAST))
    of_layer = max(free - of_variable, _LEAST)
    lines = [
        line[: len(head)]
        for layer, variable, names, strengths, share, state in rows
        for line in zip_longest(
            _broken(layer, of_layer),
            _broken(variable, of_variable),
            *(names, strengths, [share], [state]),
            fillvalue="",
        )
    ]
    return table(head, lines)


def _broken(path: str, width: int) -> list[str]:
    """The lines of a path.

    >>> _broken("backbone/block_one/conv", 12)
    ['backbone/', '  block_one/', '  conv']
    """
    lines, line = [], ""
    for piece in re.split("(?<=[/_])", path):
        if line.strip() and len(line) + len(piece) > width:
            lines.append(line)
            line = "  "
        line += piece
    return [*lines, line]
