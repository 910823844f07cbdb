"""The loss of the best constant prediction."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import entr, huber

from ...core.checks import check_one_of
from ...core.compiled_loss import compiled_losses, compiled_task
from ..fit_data import FitArguments, as_array


def baseline_loss(labels: Any, loss: str = "crossentropy", sample_weight: Any = None) -> float:
    """Return the loss of the best constant prediction.

        crossentropy          - sum_k p_k log p_k                     p: shares of the classes
        binary_crossentropy   mean_k -(p_k log p_k + q_k log q_k)     p: means of columns, q = 1 - p
        mse                   mean (y - mean y)^2
        mae                   mean |y - median y|
        huber                 min_c mean h(y - c)     h(e) = e^2 / 2 if |e| <= 1, else |e| - 1 / 2

    With sample weights, means, shares and medians are weighted, and the loss is the mean of losses
    times weights, as in Keras: it is not divided by the mean weight.

    Args:
        labels: For the cross-entropy, class numbers `(n,)` or `(n, 1)`, or rows of probabilities
            `(n, classes)`. For the other losses, targets of any shape `(n, ...)`, which get one
            constant per column; in [0, 1] for the binary cross-entropy.
        loss: "crossentropy", "binary_crossentropy", "mse", "mae" or "huber".
        sample_weight: Weights `(n,)` or `(n, 1)`, not negative, or `None` for 1.

    Raises:
        ValueError: If the loss is unknown, or if labels or weights do not have that form.

    Example:

    >>> round(baseline_loss([0, 1, 0, 1]), 4), baseline_loss([1.0, 3.0], "mse")
    (0.6931, 1.0)
    >>> baseline_loss([1.0, 3.0, 4.0], "mse", sample_weight=[2, 2, 0])
    1.3333333333333333
    """
    check_one_of("loss", loss, _LOSSES)
    labels = _numbers("labels", labels)
    weights = _weights(sample_weight, len(labels))
    return float(weights.mean() * _LOSSES[loss](labels, weights / weights.sum()))


def _crossentropy(labels: np.ndarray, weights: np.ndarray) -> float:
    return entr(_shares(labels, weights)).sum()


def _binary_crossentropy(labels: np.ndarray, weights: np.ndarray) -> float:
    if labels.min() < 0 or labels.max() > 1:
        raise ValueError(
            "`labels` must be in [0, 1] for the binary cross-entropy. "
            f"Received: from {labels.min():g} to {labels.max():g}"
        )
    shares = np.average(labels, axis=0, weights=weights)
    return np.mean(entr(shares) + entr(1 - shares))


def _mse(labels: np.ndarray, weights: np.ndarray) -> float:
    errors = np.square(labels - np.average(labels, axis=0, weights=weights))
    return np.average(errors, axis=0, weights=weights).mean()


def _mae(labels: np.ndarray, weights: np.ndarray) -> float:
    median = np.quantile(labels, 0.5, axis=0, weights=weights, method="inverted_cdf")
    return np.average(np.abs(labels - median), axis=0, weights=weights).mean()


def _huber(labels: np.ndarray, weights: np.ndarray) -> float:
    columns = labels.reshape(len(labels), -1).T
    return float(np.mean([_huber_of_column(column, weights) for column in columns]))


def _huber_of_column(targets: np.ndarray, weights: np.ndarray) -> float:
    def loss(constant):
        return weights @ huber(1.0, targets - constant)

    ends = targets.min(), targets.max()
    options = {"xatol": 1e-6 * (ends[1] - ends[0])}
    return minimize_scalar(loss, bounds=ends, method="bounded", options=options).fun  # it is convex


_LOSSES = {"crossentropy": _crossentropy, "binary_crossentropy": _binary_crossentropy}
_LOSSES |= {"mse": _mse, "mae": _mae, "huber": _huber}


def _numbers(argument: str, values: Any) -> np.ndarray:
    array = np.asarray(as_array(values))
    if array.dtype.kind in "OUST":
        try:
            array = array.astype("float64")
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"`{argument}` must be numbers. Convert class names by np.unique(labels, "
                f"return_inverse=True)[1]. Received: {array.flat[0]!r} as the first value"
            ) from error
    array = array.astype("float64")
    if not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"`{argument}` must be finite numbers, and not empty. "
            f"Received: {array.size} {argument}, {np.sum(~np.isfinite(array))} of them not finite"
        )
    return array


def _weights(sample_weight: Any, samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(samples)
    weights = _numbers("sample_weight", sample_weight)
    if weights.size != samples or len(weights) != samples or weights.min() < 0 or not weights.any():
        raise ValueError(
            f"`sample_weight` must be a weight >= 0 for each of {samples} samples, and not all 0. "
            f"Received: {weights.size} weights, the smallest {weights.min():g}"
        )
    return weights.reshape(-1)


def _shares(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the share of each class, for weights that sum to 1."""
    if labels.ndim == 2 and labels.shape[1] > 1:
        sums = labels.sum(axis=1)
        if labels.min() < 0 or not np.allclose(sums, 1.0, atol=1e-3):
            raise ValueError(
                "The rows of `labels` must be probabilities of classes that sum to 1 (for several "
                "labels per sample use loss='binary_crossentropy'). Received: a row with sum "
                f"{sums[np.argmax(np.abs(sums - 1))]:g}"
            )
        return weights @ labels
    if labels.size != len(labels) or not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            "`labels` must be class numbers (n,) or (n, 1), or probabilities (n, classes), for the "
            "cross-entropy; for a regression use loss='mse' or 'mae'. "
            f"Received: shape {labels.shape}, first value {labels.flat[0]:g}"
        )
    return np.bincount(np.unique(labels, return_inverse=True)[1].ravel(), weights)


# The losses of Keras by the names of their classes.
_NAMES = {
    "crossentropy": ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"),
    "binary_crossentropy": ("BinaryCrossentropy",),
    "mse": ("MeanSquaredError",),
    "mae": ("MeanAbsoluteError",),
    "huber": ("Huber",),
}
NORMALIZING = "mean_with_sample_weight"
_REDUCTIONS = ("sum_over_batch_size", "mean", NORMALIZING)


def targets_of(
    fit: FitArguments | None, model: keras.Model, loss: str | None = None
) -> tuple[Any, Any, Callable[..., float]]:
    """Return the labels and sample weights of a `fit`, and a function of both: the baseline.

    A loss that `baseline_loss` does not know may have the method `baseline(targets,
    sample_weight=None)`: the mean over the samples of loss times weight, for the best constant.
    """
    arrays = fit.arrays if fit else None
    if arrays is None:
        raise _unknown(
            "`fit` is given no arrays of targets. Pass the `labels` of the training data, for a "
            "regression with loss='mse' or loss='mae'",
            "a dataset or generator" if fit else "no fit",
        )
    _, y, weights = (*arrays, None, None)[:3]
    if y is None:
        raise _unknown("`fit` is given no targets. Pass the `baseline`", "y=None")
    parts, losses = keras.tree.flatten(y), keras.tree.flatten(model.loss)
    if len(parts) != 1 or len(losses) != 1:
        raise _unknown(
            "The model has several outputs. Pass the weighted sum of their baseline losses as "
            "`baseline`",
            f"{len(parts)} targets",
        )
    (y,), (compiled,), weights = parts, losses, [*keras.tree.flatten(weights), None][0]
    name = _class_name(compiled)
    found = next((kind for kind, names in _NAMES.items() if name in names), None)
    known = _baseline_of(compiled, found)
    if loss is None and not (known and _is_plain(compiled, model)):
        raise _unknown(
            "The baseline of the compiled loss is unknown. Pass `baseline`, or a `loss` that "
            "baseline_loss knows, or give the loss a method `baseline(targets, sample_weight)`",
            f"loss={compiled!r}",
        )
    labels = as_array(y)
    samples = len(labels)
    if name.startswith("Sparse"):  # a class for each position, for example of an image
        labels = labels.reshape(-1)
    elif found == "crossentropy" and loss is None and labels.ndim > 2:
        labels = labels.reshape(-1, labels.shape[-1])
    if weights is not None and len(labels) != samples:
        weights = np.repeat(as_array(weights).reshape(samples, -1)[:, 0], len(labels) // samples)
    if known is None or loss is not None:
        known = partial(baseline_loss, loss=loss or "")
    return labels, weights if weights is None else as_array(weights), known


def compiled_baseline_loss(model: keras.Model, y: Any, sample_weight: Any) -> float | None:
    """Return the loss of the best constant for the loss of a model, or `None` if it is unknown."""
    fit = FitArguments(y, y, sample_weight, None, None)  # the features do not matter
    try:
        labels, weights, baseline = targets_of(fit, model)
        return baseline(labels, sample_weight=weights)
    except ValueError:  # several outputs, or a loss of another package
        return None


def fits_raw_targets(model: keras.Model) -> bool:
    """Return whether the targets of a regression may be far from the initial outputs.

    A loss that states `task = "regression"` itself comes with a model that scales its outputs.
    """
    own = any(hasattr(loss.function, "task") for loss in compiled_losses(model))
    return not own and compiled_task(model, units=1) == "regression"


def _baseline_of(compiled: Any, found: str | None) -> Callable[..., float] | None:
    if found == "huber":
        # Of Keras 3.15, in which `get_config` lacks it.
        delta = getattr(compiled, "_fn_kwargs", {"delta": 1.0})["delta"]
        return partial(_baseline_of_huber, delta)
    known = partial(baseline_loss, loss=found) if found else None
    return getattr(compiled, "baseline", known)


def _baseline_of_huber(delta: float, targets: Any, sample_weight: Any = None) -> float:
    return delta**2 * baseline_loss(targets / delta, "huber", sample_weight)


def _is_plain(loss: Any, model: keras.Model) -> bool:
    """Return whether a loss is a mean over all samples, without a loss weight."""
    weighs = getattr(model._compile_loss, "_user_loss_weights", None) is not None
    mean = getattr(loss, "reduction", _REDUCTIONS[0]) in _REDUCTIONS
    return mean and not weighs and getattr(loss, "ignore_class", None) is None


def _class_name(loss: Any) -> str:
    """Return the name of the class of a loss, which may be a function or a name."""
    loss = keras.losses.get(loss)
    name = getattr(loss, "__name__", type(loss).__name__)
    return "".join(word[:1].upper() + word[1:] for word in name.split("_"))


def _unknown(problem: str, received: str) -> ValueError:
    return ValueError(f"Diagnosis needs a baseline. {problem}. Received: {received}")
