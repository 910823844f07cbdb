"""`smooths` and `unsmoothed`: the label smoothing of compiled losses, seen and left out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from ..swapped import swapped

__all__ = ["smooths", "unsmoothed"]


def smooths(compiled: Any) -> bool:
    """Whether one of a model's compiled losses, of any structure, has a `label_smoothing`."""
    losses = [] if compiled is None else keras.tree.flatten(compiled._user_loss)
    return any(_rate(loss) for loss in losses)


@contextmanager
def unsmoothed(
    compiled: Any, values: list[Any] | None, weighted: list[Any], weights: Any = None
) -> Iterator[None]:
    """While inside, each call of the compiled losses adds what it is without label smoothing.

    Args:
        compiled: a `CompileLoss` of Keras.
        values: where to add it, one value an output, with the output's weight; `None` for nowhere.
        weighted: where to add the same under other sample weights.
        weights: these sample weights; `None` for none.
    """
    if values is None:
        yield
        return

    def heard(part):
        return _heard(part, compiled, values, weighted, weights)

    parts = [part._replace(loss=heard(part)) for part in compiled._flat_losses]
    with swapped(compiled, _flat_losses=parts):
        yield


def _heard(part: Any, compiled: Any, values: Any, weighted: list[Any], weights: Any) -> Any:
    plain = _plain(part.loss)
    factor = 1.0 if part.loss_weights is None else part.loss_weights

    def loss(y_true, y_pred, sample_weight):
        value = part.loss(y_true, y_pred, sample_weight)
        clean = value if plain is part.loss else plain(y_true, y_pred, sample_weight)
        values.append(keras.ops.cast(clean, compiled.dtype) * factor)
        if weights is not None:
            other = plain(y_true, y_pred, weights)
            weighted.append(keras.ops.cast(other, compiled.dtype) * factor)
        return value

    return loss


def _rate(loss: Any) -> float:
    return getattr(loss, "label_smoothing", 0.0)


def _plain(loss: Any) -> Any:
    """`loss` without its label smoothing."""
    if not _rate(loss):
        return loss
    plain = type(loss).from_config({**loss.get_config(), "label_smoothing": 0.0})
    vars(plain).update(_dtype_policy=loss._dtype_policy, _dtype=loss._dtype)  # not in the config
    return plain
