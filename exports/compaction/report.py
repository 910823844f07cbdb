"""`Compaction`: what was made smaller in a model, and what was not, and why."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Compaction", "LayerChange", "Refusal", "weights_of"]


@dataclass(frozen=True)
class LayerChange:
    """What was done to a layer.

    Args:
        layer: its path.
        kind: the name of its class.
        what: in words.
        parameters_before: numbers in its weights.
        parameters_after: the same in the new model.
    """

    layer: str
    kind: str
    what: str
    parameters_before: int
    parameters_after: int


@dataclass(frozen=True)
class Refusal:
    """What was left as it is, since it cannot go without changing the answers.

    Args:
        layer: its path.
        kind: the name of its class.
        count: how many of its units.
        reason: why, in words.
    """

    layer: str
    kind: str
    count: int
    reason: str


@dataclass(frozen=True)
class Compaction:
    """The report of `shrink` and of `fold_batch_norm`.

    Args:
        changes: layer by layer, those that were changed.
        refused: what was not done.
        parameters_before: numbers in all weights of the model, each once.
        parameters_after: the same of the new one.
        bytes_before: what they take.
        bytes_after: the same of the new one.
    """

    changes: tuple[LayerChange, ...]
    refused: tuple[Refusal, ...]
    parameters_before: int
    parameters_after: int
    bytes_before: int
    bytes_after: int

    def table(self) -> str:
        """The report as text: a line a layer, the refusals, the sums."""
        rows = [("layer", "what", "parameters", "now")]
        rows += [
            (c.layer, c.what, f"{c.parameters_before:,}", f"{c.parameters_after:,}")
            for c in self.changes
        ]
        for title, before, after in (
            ("all parameters", self.parameters_before, self.parameters_after),
            ("all bytes", self.bytes_before, self.bytes_after),
        ):
            rows.append((title, "", f"{before:,}", f"{after:,}"))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
            for a, b, c, d in rows
        ]
        kept = [f"kept: {r.layer}, {r.count} of its units: {r.reason}" for r in self.refused]
        return "\n".join([*lines, *kept])

    def line(self) -> str:
        """The report in short: the bytes before and after, or that nothing was found."""
        if not self.changes:
            return f"nothing found to do, {self.bytes_after:,} bytes as before"
        return f"{self.bytes_before:,} bytes to {self.bytes_after:,}"

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values."""
        return {**asdict(self), "changes": _dicts(self.changes), "refused": _dicts(self.refused)}

    def __str__(self) -> str:
        return self.table()


def _dicts(things: Iterable[Any]) -> list[dict[str, Any]]:
    return [asdict(thing) for thing in things]


def weights_of(thing: Any) -> tuple[int, int]:
    """The numbers in the weights of a model or a layer, and their bytes; each weight once."""
    weights = {id(weight): weight for weight in getattr(thing, "weights", ())}.values()
    arrays = [np.asarray(weight.value) for weight in weights]
    return sum(array.size for array in arrays), sum(array.nbytes for array in arrays)
