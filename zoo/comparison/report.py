"""A comparison as text of 80 columns, and as Markdown."""

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.text_table import blocks, counted, table
from .paired import Difference

if TYPE_CHECKING:
    from .comparison import Comparison

_WIDTH = 80
_NAME_WIDTH = 28  # of the names of groups in a table of text
Table = tuple[str, list[str], list[list[str]]]  # a line above it, the head, the rows


def text(comparison: "Comparison") -> str:
    """Return the tables, the verdicts and the notes, in lines of at most 80 columns."""
    parts = [_fill(_title(comparison))]
    for line, head, rows in _tables(comparison):
        folded = [folded for row in rows for folded in _folded(row)]
        parts += [_fill(line)] * bool(line)
        parts += [table(*block) for block in blocks(head, folded)]
    parts.append("\n".join(_fill(line) for line in comparison.verdicts))
    parts.append("\n".join(_fill(line) for line in _remarks(comparison)))
    return "\n\n".join(part for part in parts if part)


def markdown(comparison: "Comparison") -> str:
    """Return the tables, the verdicts and the notes as Markdown."""
    parts = [_title(comparison)]
    for line, head, rows in _tables(comparison):
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        shown = "\n".join(f"| {' | '.join(_escaped(cell) for cell in each)} |" for each in lines)
        parts += [each for each in (line, shown) if each]
    parts.append("\n".join(f"- {_escaped(line)}" for line in comparison.verdicts))
    parts.append("\n".join(f"- {_escaped(line)}" for line in _remarks(comparison)))
    return "\n\n".join(part for part in parts if part)


def _title(comparison: "Comparison") -> str:
    runs = sum(len(group.runs) for group in comparison.groups)
    of = f"{counted(len(comparison.groups), 'configuration')}, {counted(runs, 'run')}"
    kind = "" if comparison.task == "given" else f", {comparison.task}"
    return (
        f"{comparison.data}{kind}: {of}. Figures of the {comparison.part} part, mean ± standard "
        "error over the seeds."
    )


def _tables(comparison: "Comparison") -> list[Table]:
    """Return the table of the figures, and that of the differences if there are any."""
    names = comparison.quantities
    rows = [
        [group.name, str(len(group.runs)), *(figure(*group.mean(name)) for name in names)]
        for group in comparison.groups
    ]
    tables: list[Table] = [("", ["group", "runs", *names], rows)]
    if comparison.contrasts:
        interval = f"{100 * comparison.confidence:g}% interval"
        rows = []
        for contrast in comparison.contrasts:
            d = contrast.differences[comparison.score]
            difference = "" if d.mean is None else signed(d)
            ends = "" if d.low is None else f"{_signed(d.low, d)} to {_signed(d.high, d)}"
            p = p_value(contrast.p_holm)
            rows.append([contrast.name, str(d.pairs), difference, ends, p])
        line = f"{comparison.score}, paired differences from {comparison.baseline.name}"
        nested = any(each.against != comparison.baseline.name for each in comparison.contrasts)
        line += " (or from what a row is on top of):" if nested else ":"
        tables.append((line, ["group", "pairs", "difference", interval, "p (Holm)"], rows))
    return tables


def _remarks(comparison: "Comparison") -> list[str]:
    """Return the notes, and how to read several comparisons."""
    notes = list(comparison.notes)
    if comparison.left_out:
        names = ", ".join(map(str, comparison.left_out))
        notes.append(f"Left out, since not finished: {names}.")
    tests = sum(contrast.p_holm is not None for contrast in comparison.contrasts)
    if tests > 1:
        notes.append(
            f"The intervals are of single comparisons. p has Holm's correction for {tests}, and "
            "the verdicts go by it."
        )
    return notes


def _fill(line: str) -> str:
    return textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _folded(row: Sequence[str]) -> list[list[str]]:
    """Return a row as several, with its name in lines that are not too long."""
    first, *others = textwrap.wrap(
        row[0], _NAME_WIDTH, subsequent_indent="  ", break_on_hyphens=False
    )
    return [[first, *row[1:]], *([other, *[""] * (len(row) - 1)] for other in others)]


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def figure(mean: float, error: float | None) -> str:
    """Return a mean and its standard error with as many decimals as they need.

    >>> figure(0.62512, 0.00341), figure(54.21, 1.3), figure(0.00041, None), figure(38, None)
    ('0.625 ± 0.003', '54.21 ± 1.30', '0.0004', '38.00')
    """
    decimals = _decimals(mean, error)
    return f"{mean:.{decimals}f}" + ("" if error is None else f" ± {error:.{decimals}f}")


def signed(difference: Difference) -> str:
    """Return a mean difference with its sign, and with its standard error if there is a spread."""
    mean, error = difference.mean or 0.0, difference.error or None
    text = _signed(mean, difference)
    return text if error is None else f"{text} ± {error:.{_decimals(mean, error)}f}"


def _signed(value: float | None, difference: Difference) -> str:
    return f"{value:+.{_decimals(difference.mean or 0.0, difference.error or None)}f}"


def _decimals(mean: float, error: float | None) -> int:
    """Return the number of decimals: three below 10, or so many that the error is not 0."""
    decimals = 3 - min(3, max(0, math.floor(math.log10(abs(mean))))) if mean else 3
    small = error or abs(mean)
    return max(decimals, min(8, -math.floor(math.log10(small)))) if small else decimals


def p_value(p: float | None, name: str = "") -> str:
    """Return a p-value as text.

    >>> p_value(0.0123), p_value(0.00001, "p "), p_value(None)
    ('0.012', 'p < 0.0001', '')
    """
    if p is None:
        return ""
    sign = "= " if name else ""
    if p < 1e-4:
        return f"{name}< 0.0001"
    return f"{name}{sign}{p:.4f}" if p < 0.01 else f"{name}{sign}{p:.3f}"
