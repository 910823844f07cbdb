"""The report of a compression: the changes, the refusals with their reasons, and the latency."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..gates.sample import features
from ..gates.speed import medians

_ROUNDS = 20


@dataclass(frozen=True)
class LayerChange:
    """A change of a layer, listed in `Compression.changes`.

    Args:
        layer: Path of the layer.
        kind: Name of its class.
        what: Description of the change.
        parameters_before: Number of parameters in the old model.
        parameters_after: Number of parameters in the new model.
    """

    layer: str
    kind: str
    what: str
    parameters_before: int
    parameters_after: int


@dataclass(frozen=True)
class Refusal:
    """Units that stay since the answers would change, listed in `Compression.refused`.

    Args:
        layer: Path of the layer.
        kind: Name of its class.
        count: Number of its units that stay.
        reason: Why they stay.
    """

    layer: str
    kind: str
    count: int
    reason: str


@dataclass(frozen=True)
class Compression:
    """The report of `shrink` and of `fold_batch_norm`. Weights that layers share count once.

    Args:
        changes: Changed layers.
        refused: Units that could not be removed or folded.
        parameters_before: Number of parameters of the old model.
        parameters_after: Number of parameters of the new model.
        bytes_before: Bytes of the weights of the old model.
        bytes_after: Bytes of the weights of the new model.

    Example:

    >>> import keras
    >>> from occam import exports
    >>> dense, norm = keras.layers.Dense(8, name="hidden"), keras.layers.BatchNormalization()
    >>> _, report = exports.fold_batch_norm(keras.Sequential([keras.Input((4,)), dense, norm]))
    >>> report.line(), report.changes[0].what
    ('288 bytes to 160', 'into hidden (Dense)')
    >>> dead = keras.layers.Dense(3, kernel_initializer="zeros")
    >>> _, report = exports.shrink(keras.Sequential([keras.Input((4,)), dead]))
    >>> report.refused[0].count, report.refused[0].reason
    (3, 'is an output of the model')
    """

    changes: tuple[LayerChange, ...]
    refused: tuple[Refusal, ...]
    parameters_before: int
    parameters_after: int
    bytes_before: int
    bytes_after: int

    @classmethod
    def between(
        cls, old: Any, new: Any, changes: Iterable[LayerChange], refused: Iterable[Refusal]
    ) -> "Compression":
        """Return the report of the compression of one model into another."""
        before, after = weights_of(old), weights_of(new)
        sizes = (before[0], after[0], before[1], after[1])
        return cls(tuple(changes), tuple(refused), *sizes)

    def table(self) -> str:
        """Return the report as text: a line per layer, the totals, the refusals."""
        rows = [(c.layer, c.what, c.parameters_before, c.parameters_after) for c in self.changes]
        rows.append(("all parameters", "", self.parameters_before, self.parameters_after))
        rows.append(("all bytes", "", self.bytes_before, self.bytes_after))
        cells = [("layer", "what", "parameters", "now")]
        cells += [(layer, what, f"{old:,}", f"{new:,}") for layer, what, old, new in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
            for a, b, c, d in cells
        ]
        kept = [f"kept: {r.layer}, {r.count} of its units: {r.reason}" for r in self.refused]
        return "\n".join([*lines, *kept])

    def line(self) -> str:
        """Return the bytes before and after in one line."""
        if not self.changes:
            return f"nothing found to do, {self.bytes_after:,} bytes as before"
        return f"{self.bytes_before:,} bytes to {self.bytes_after:,}"

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        lists = {"changes": [*map(asdict, self.changes)], "refused": [*map(asdict, self.refused)]}
        return {**asdict(self), **lists}

    def __str__(self) -> str:
        return self.table()


def weights_of(thing: Any) -> tuple[int, int]:
    """Return the number and the bytes of the parameters of a model or a layer, shared ones once."""
    weights = {id(weight): weight for weight in getattr(thing, "weights", ())}.values()
    arrays = [np.asarray(weight.value) for weight in weights]
    return sum(array.size for array in arrays), sum(array.nbytes for array in arrays)


def row_seconds(
    functions: Sequence[Callable[[Any], Any]], specs: Mapping[str, tf.TensorSpec]
) -> list[float]:
    """Return the median seconds of each function of features for one row, run as a graph."""
    row = {name: tf.constant(array) for name, array in features(specs, 1).items()}
    graphs = [tf.function(function, autograph=False) for function in functions]
    return medians([functools.partial(graph, row) for graph in graphs], _ROUNDS)
