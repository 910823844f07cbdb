"""`weight_statistics`: how large, how sparse and how rich the kernels of a model are."""

from dataclasses import dataclass

import keras
import numpy as np

from ...core.checks import check_type
from ...core.layer_kinds import kernel_axes

_KERNELS = ("kernel", "embeddings")


@dataclass(frozen=True)
class KernelStatistics:
    """The statistics of one kernel.

    Args:
        path: The path of the variable.
        shape: Its shape.
        norm: The square root of the sum of the squared weights.
        spectral_norm: The largest singular value of the kernel as a matrix with a column for each
            output unit.
        sparsity: The share of the weights that are exactly 0.
        effective_rank: exp(- sum_i s_i log s_i), for the singular values divided by their sum; from
            1 to `full_rank`, or 0 if all weights are 0.
        full_rank: The size of the smaller axis of the matrix.
    """

    path: str
    shape: tuple[int, ...]
    norm: float
    spectral_norm: float
    sparsity: float
    effective_rank: float
    full_rank: int


def weight_statistics(model: keras.Model) -> list[KernelStatistics]:
    """Return the statistics of each kernel and embedding of a model, frozen ones included.

    Args:
        model: A built Keras model.

    Raises:
        TypeError: If `model` is not a Keras model.
        ValueError: If it is not built.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    >>> model.set_weights([np.array([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0], [0.0, 0.0]]), np.zeros(2)])
    >>> found = weight_statistics(model)[0]
    >>> found.norm, found.spectral_norm, found.sparsity, round(found.effective_rank, 2)
    (5.0, 4.0, 0.75, 1.98)

    Reference: Roy & Vetterli, The Effective Rank: A Measure of Effective Dimensionality, 2007,
    https://doi.org/10.5281/zenodo.40298
    """
    check_type("model", model, keras.Model, "a keras.Model")
    if not model.built:
        raise ValueError(
            f"`model` must be built: give it a keras.Input, or call it once on data. "
            f"Received: {model.name!r}"
        )
    found: dict[int, KernelStatistics] = {}
    for layer in model._flatten_layers():
        for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
            rank = len(variable.shape)
            if rank > 1 and variable.name.endswith(_KERNELS) and id(variable) not in found:
                axes = kernel_axes(layer, variable.name, rank)
                units = axes.units if axes else (rank - 1,)
                found[id(variable)] = _statistics(variable, units)
    return list(found.values())


def _statistics(variable: keras.Variable, units: tuple[int, ...]) -> KernelStatistics:
    values = np.asarray(keras.ops.convert_to_numpy(variable), "float64")
    last = np.moveaxis(values, units, range(-len(units), 0))
    matrix = last.reshape(-1, int(np.prod([values.shape[axis] for axis in units])))
    singular = np.linalg.svd(matrix, compute_uv=False)
    shares = singular[singular > 0] / (singular.sum() or 1)
    return KernelStatistics(
        path=variable.path,
        shape=tuple(values.shape),
        norm=float(np.sqrt((values**2).sum())),
        spectral_norm=float(singular.max()),
        sparsity=float((values == 0).mean()),
        effective_rank=float(np.exp(-(shares * np.log(shares)).sum())) if len(shares) else 0.0,
        full_rank=len(singular),
    )
