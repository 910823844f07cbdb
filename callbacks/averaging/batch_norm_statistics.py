"""Re-estimate the statistics of BatchNorm for the current weights of a model."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import message
from ..fit_data import as_array


def batch_norm_layers(model: keras.Model) -> list[Any]:
    """Return the BatchNorm layers whose statistics move in training, nested ones included."""
    kind = keras.layers.BatchNormalization
    return [x for x in model._flatten_layers() if isinstance(x, kind) and x.built and x.trainable]


def reestimate_batch_norm(model: keras.Model, data: Any, *, batch_size: int = 256) -> None:
    """Set the statistics of each BatchNorm to the moments of its inputs over all data.

        mean = E[m_b],    variance = E[v_b + (m_b - mean)^2],

    over batches b weighted by their sizes, with mean m_b and variance v_b of a batch: the exact
    moments, for any size of batches. All other layers run in inference mode. The inputs of a
    BatchNorm behind another one are normalized by batch statistics, as in training. Frozen layers
    keep their statistics.

    Args:
        model: A built model.
        data: Arrays `x` or a tuple of arrays `(x, y, ...)`, in any form that Keras accepts; or a
            dataset, a `PyDataset` or a list of batches, `x` or `(x, y, ...)`.
        batch_size: Batch size for arrays.

    Example:

    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    >>> reestimate_batch_norm(model, np.array([[1.0], [2.0], [6.0]]), batch_size=2)
    >>> [round(float(np.ravel(value)[0]), 5) for value in model.get_weights()[2:]]
    [3.0, 4.66667]

    Reference: Wu & Johnson, Rethinking "Batch" in BatchNorm, 2021,
    https://arxiv.org/abs/2105.07576
    """
    if not (layers := batch_norm_layers(model)):
        return
    records = [_Record(layer) for layer in layers]
    batches = 0
    for record in records:
        record.layer.__dict__["call"] = record.call
    try:
        for batch in _batches(data, batch_size):
            x, _, _ = keras.utils.unpack_x_y_sample_weight(batch)
            model(x, training=False)
            batches += 1
    finally:
        for record in records:
            del record.layer.__dict__["call"]
    if not batches:
        raise ValueError("`data` for the statistics of BatchNorm must contain at least one batch.")
    for record in records:
        record.assign()


def check_data(data: Any) -> Any:
    """Return `data`; raise a `ValueError` if it is not data, or not to be iterated many times."""
    if data is None or isinstance(data, Iterator):
        expected = "arrays, a dataset or a list of batches, for a pass in every epoch"
        raise ValueError(message("data", data, expected))
    if hasattr(data, "cardinality") and int(data.cardinality()) == -1:
        raise ValueError(message("data", data, "a finite dataset, such as `dataset.take(100)`"))
    return data


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if isinstance(data, keras.utils.PyDataset):
        return (data[i] for i in range(len(data)))
    parts = keras.tree.flatten(data[:1] if isinstance(data, tuple) else data)
    if isinstance(data, list) or not all(hasattr(part, "shape") for part in parts):
        return data
    x = keras.tree.map_structure(as_array, data[0] if isinstance(data, tuple) else data)
    slices = (slice(i, i + batch_size) for i in range(0, parts[0].shape[0], batch_size))
    return (keras.tree.map_structure(lambda a, part=part: a[part], x) for part in slices)


class _Record:
    """The moments of the inputs of a layer, batch by batch."""

    def __init__(self, layer: Any):
        self.layer = layer
        self.moments: list[tuple[float, np.ndarray, np.ndarray]] = []

    def call(self, inputs, training=None, mask=None):
        """Call the layer in training mode, with the statistics of this batch only."""
        layer = self.layer
        momentum, layer.momentum = layer.momentum, 0.0
        try:
            outputs = type(layer).call(layer, inputs, training=True, mask=mask)
        finally:
            layer.momentum = momentum
        if (size := _positions(inputs, mask, layer.axis)) > 0:
            self.moments.append((size, _array(layer.moving_mean), _array(layer.moving_variance)))
        return outputs

    def assign(self) -> None:
        """Set the statistics of the layer to the moments of all batches."""
        if not self.moments:
            return
        sizes, means, variances = (np.array(each) for each in zip(*self.moments, strict=True))
        mean = np.average(means, 0, sizes)
        self.layer.moving_mean.assign(mean)
        self.layer.moving_variance.assign(np.average(variances + (means - mean) ** 2, 0, sizes))


def _positions(inputs: Any, mask: Any, axis: int) -> float:
    """Return the number of values per channel in a batch, up to a constant factor."""
    if mask is not None:
        return float(ops.sum(ops.cast(mask, "int32")))
    return math.prod(inputs.shape) / inputs.shape[axis]


def _array(variable: Any) -> np.ndarray:
    return np.array(ops.convert_to_numpy(variable), "float64")
