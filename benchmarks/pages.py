"""Pages of the documentation that a benchmark writes."""

from collections.abc import Iterable, Sequence


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def with_text(page: str, begin: str, text: str, end: str) -> str:
    """Return a page with the text between its two markers.

    Raises:
        ValueError: If the page lacks a marker.
    """
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"The page must have the lines {begin!r} and {end!r}.")
    return f"{before}{begin}\n\n{text}\n\n{end}{after}"
