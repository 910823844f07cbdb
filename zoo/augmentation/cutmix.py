"""`CutMix`: a box of one sample pasted into another."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .beta import symmetric_beta
from .draws import Draws
from .mixing import Mixing

__all__ = ["CutMix"]


@keras.saving.register_keras_serializable(package="occam")
class CutMix(Mixing):
    """Pastes a box of its partner into each sample in training; otherwise makes labels soft only.

    lambda ~ Beta(alpha, alpha) is the part to keep. The box has the sample's proportions, sides
    of `floor(side * (1 - lambda) ** (1 / d))` steps or pixels in d dimensions, a uniform centre,
    and is clipped at the borders. Labels are mixed by the number of pixels that really came from
    each, not by lambda: at 8 x 8 pixels the two differ by up to 0.23.

    Args:
        num_classes: the number of classes, at least 2.
        alpha: parameter of the Beta distribution, assignable at any time; 0 pastes nothing. The
            paper has 1.
        per: "batch", "pair" or "element" shares a box.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(x, y)`: x `(batch, steps, channels)` or `(batch, height, width, channels)`; y
    integers `(batch,)` or one-hot or soft labels `(batch, num_classes)`. Returns x in its shape
    and type, and y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: an argument, the rank of x or the form of y is none of these. A table has no
            neighbourhoods to cut: use `MixUp`.

    Example: the label says how many steps of a series are from which class.

    >>> import numpy as np
    >>> x = np.repeat([[[0.0]], [[1.0]]], 10, axis=1)
    >>> x, y = CutMix(2, seed=4)((x, np.array([0, 1])), training=True)
    >>> bool(np.allclose(np.mean(x, axis=(1, 2)), np.asarray(y)[:, 1]))
    True

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features, 2019, https://arxiv.org/abs/1905.04899
    """

    needs_channels_last = True

    alpha = LiveScalar()

    def __init__(self, num_classes, alpha=1.0, per="batch", seed=None, **kwargs):
        super().__init__(num_classes, per=per, seed=seed, **kwargs)
        self.alpha = alpha

    def augment(self, inputs, draws):
        self.check_rank(inputs[0], 3, 4)
        return super().augment(inputs, draws)

    def mask(self, shape, draws):
        return self.shared(box_mask(self._alpha, self.group(shape), shape[1:-1], draws))

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


def box_mask(alpha: Any, count: Any, sides: tuple, draws: Draws) -> Any:
    """`count` masks, 0 in a box and 1 around it, of shape `(count, *sides, 1)`, float32."""
    ratio = (1.0 - symmetric_beta(alpha, (count,), draws)) ** (1.0 / len(sides))
    box = ops.ones((1, *(1,) * len(sides), 1))
    for axis, side in enumerate(sides):
        inside = _interval(ratio, count, side, draws)
        box = box * ops.reshape(
            inside, (-1, *(side if a == axis else 1 for a in range(len(sides))), 1)
        )
    return 1.0 - box


def _interval(ratio: Any, count: Any, side: Any, draws: Draws) -> Any:
    """1 within intervals of `floor(side * ratio)` around a uniform centre, `(count, side)`."""
    size = ops.cast(side, "float32")
    length = ops.floor(size * ratio)
    low = ops.floor(draws.uniform((count,)) * size) - ops.floor(length / 2)
    position = ops.arange(side, dtype="float32")[None]
    inside = ops.logical_and(position >= low[:, None], position < (low + length)[:, None])
    return ops.cast(inside, "float32")
