"""`RandAugment` and `TrivialAugment`: random operations for each image."""

import keras
from keras import ops

from ...core.checks import check_integer
from ...core.live_scalar import LiveScalar
from .fused import FusedAugmentation
from .operations import Ranges

_MAX_MAGNITUDE = 30  # at which an operation reaches the end of its range
_BINS = 31  # the strengths of TrivialAugment: multiples of 1/30


@keras.saving.register_keras_serializable(package="occam")
class RandAugment(FusedAugmentation):
    """Applies `num_ops` random operations to each image in training.

    Each operation is drawn uniformly from 14: identity, shear and translation along x or y,
    rotation, brightness, color, contrast, sharpness, posterize, solarize, auto contrast, equalize.
    At magnitude 30, a shear is by 0.3, a translation by 45% of the side, a rotation by 30 degrees,
    brightness, color, contrast and sharpness change by a factor of 1 +- 0.9, posterize leaves 4
    bits, and solarize inverts everything. The effect is proportional to the magnitude, and its sign
    is random. The operations of an image are fused into one color map and one warp, in a fixed
    order: see `FusedAugmentation`.

    Args:
        num_ops: The number of operations for each image, at least 1.
        magnitude: The magnitude of all operations, from 0 to 30. It can be changed at any time. The
            paper uses 9 for a ResNet-50 on ImageNet.
        value_range: The lowest and highest pixel value: two numbers, or one of each per channel.
            Values outside are clipped.
        fill: The value of pixels outside the image: 0 is the lowest of `value_range`, 1 the
            highest. Gray by default, as in the paper.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(batch, height, width, channels)`, at least 3 x 3 pixels, unchanged. Integers are
    rounded. Images without 3 channels have no saturation to change.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((2, 8, 8, 3), "uint8")
    >>> RandAugment(num_ops=2, magnitude=9, seed=1)(images, training=True).shape == (2, 8, 8, 3)
    True

    Reference: Cubuk et al., RandAugment: Practical Automated Data Augmentation with a Reduced
    Search Space, 2020, https://arxiv.org/abs/1909.13719
    """

    # As in AutoAugment: 150 of 331 pixels, 4 to 8 bits, factors 0.1 to 1.9.
    ranges = Ranges(shear=0.3, rotate=30.0, enhance=0.9, posterize=4, translate=150 / 331)

    magnitude = LiveScalar(f"[0, {_MAX_MAGNITUDE}]")

    def __init__(
        self, num_ops=2, magnitude=9.0, value_range=(0, 255), fill=0.5, seed=None, **kwargs
    ):
        super().__init__(value_range, fill=fill, seed=seed, **kwargs)
        check_integer("num_ops", num_ops, 1)
        self.num_ops = num_ops
        self.magnitude = magnitude

    def strengths(self, shape, draws):
        return ops.ones(shape) * (self._magnitude / _MAX_MAGNITUDE)

    def get_config(self):
        return {**super().get_config(), "num_ops": self.num_ops, "magnitude": self.magnitude}


@keras.saving.register_keras_serializable(package="occam")
class TrivialAugment(FusedAugmentation):
    """Applies one random operation of random strength to each image in training.

    The operation is drawn uniformly from the 14 of `RandAugment`, the strength from 31 values from
    0 to 1. At strength 1, as in the "wide" space of the paper, a shear is by 0.99, a translation by
    32 pixels, a rotation by 135 degrees, an enhancement by a factor of 1 +- 0.99, posterize leaves
    2 bits, and solarize inverts everything. There is nothing to tune. A translation may move an
    image of less than 32 pixels out of sight.

    Arguments, shapes and errors: As in `RandAugment`.

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
