"""`TrivialAugment`: one random operation of random strength for each image."""

import keras
from keras import ops

from .fused import FusedAugmentation
from .operations import Ranges

_BINS = 31  # strengths are multiples of 1/30


@keras.saving.register_keras_serializable(package="occam")
class TrivialAugment(FusedAugmentation):
    """Applies one random operation of random strength to each image in training.

    The operation is drawn uniformly from the 14 of `RandAugment`, the strength from 31 values from
    0 to 1. At strength 1, as in the "wide" space of the paper, a shear is by 0.99, a translation by
    32 pixels, a rotation by 135 degrees, an enhancement by a factor of 1 +- 0.99, posterize leaves
    2 bits, and solarize inverts everything. There is nothing to tune. The translations suit images
    of at least 32 pixels; of smaller ones they may leave nothing.

    Args:
        value_range: The lowest and highest pixel value: two numbers, or two sequences with a number
            for each channel.
        fill: The value outside of the image, from 0, the lowest value, to 1, the highest.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, height, width, channels)`, at least 3 x 3 pixels, unchanged. Integers are
    rounded. Images without 3 channels have no saturation to change.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((2, 32, 32, 3), "float32")
    >>> TrivialAugment(value_range=(0, 1), seed=1)(images, training=True).shape == (2, 32, 32, 3)
    True

    Reference: Müller and Hutter, TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation, 2021, https://arxiv.org/abs/2103.10158
    """

    ranges = Ranges(shear=0.99, rotate=135.0, enhance=0.99, posterize=6, translate_pixels=32.0)

    def strengths(self, shape, draws):
        return ops.floor(draws.uniform(shape, 0.0, float(_BINS))) / (_BINS - 1)
