"""`TrivialAugment`: one operation of any strength, drawn for each image."""

import keras
from keras import ops

from .fused import FusedAugmentation
from .operations import OPERATIONS, Drawn, Ranges

__all__ = ["TrivialAugment"]

# The paper's "wide" space.
RANGES = Ranges(shear=0.99, rotate=135.0, enhance=0.99, posterize=6, translate_pixels=32.0)

_BINS = 31  # strengths are multiples of 1/30


@keras.saving.register_keras_serializable(package="occam")
class TrivialAugment(FusedAugmentation):
    """Does one random operation of random strength to each image in training; else the identity.

    The operation is drawn uniformly from the 14 of `RandAugment`, its strength from 31 values from
    0 to 1. At strength 1, as in the paper's "wide" space, a shear is by 0.99, a translation by 32
    pixels, a rotation by 135 degrees, an enhancement by a factor of 1 +- 0.99, posterize leaves 2
    bits, solarize inverts everything. There is nothing to tune. The translations suit images of 32
    pixels and more: of smaller ones they may leave nothing.

    Args:
        value_range: lowest and highest value of the pixels: a pair of numbers, or of sequences with
            one number a channel.
        fill: what comes in from outside of the image, from 0, the lowest value, to 1, the highest.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, height, width, channels)`, at least 3 x 3 pixels, unchanged; integers are
    rounded. Images that are not of 3 channels have no saturation to change.

    Raises:
        ValueError: an argument or the rank of the input is none of these.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((2, 32, 32, 3), "float32")
    >>> TrivialAugment(value_range=(0, 1), seed=1)(images, training=True).shape == (2, 32, 32, 3)
    True

    Reference: Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation, 2021, https://arxiv.org/abs/2103.10158
    """

    def draw(self, count, draws):
        shape = (count, 1)
        choice = ops.floor(draws.uniform(shape, 0.0, float(len(OPERATIONS))))
        sign = ops.where(draws.uniform(shape) < 0.5, -1.0, 1.0)
        strength = ops.floor(draws.uniform(shape, 0.0, float(_BINS))) / (_BINS - 1)
        return Drawn(ops.cast(choice, "int32"), strength, sign, RANGES)
