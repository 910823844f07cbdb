"""`RandAugment`: a few operations of one strength, drawn for each image."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .fused import FusedAugmentation
from .operations import OPERATIONS, Drawn, Ranges

__all__ = ["RandAugment"]

# The paper's, which are AutoAugment's: 150 of 331 pixels, 4 to 8 bits, factors 0.1 to 1.9.
RANGES = Ranges(shear=0.3, rotate=30.0, enhance=0.9, posterize=4, translate=150 / 331)

_LARGEST = 30  # the magnitude at which an operation reaches the end of its range


@keras.saving.register_keras_serializable(package="occam")
class RandAugment(FusedAugmentation):
    """Does `num_ops` random operations to each image in training; else the identity.

    Each operation is drawn uniformly from 14, for each image anew: identity, shear, translation (x
    or y), rotation, brightness, color, contrast, sharpness, posterize, solarize, auto contrast,
    equalize. At magnitude 30 a shear is by 0.3, a translation by 45% of the side, a rotation by 30
    degrees, an enhancement by a factor of 1 +- 0.9, posterize leaves 4 bits, solarize inverts
    everything; at lower magnitudes in proportion. Signs are drawn.

    The operations of an image are fused: one map of colors, one warp. See `FusedAugmentation` for
    the order in which they are done.

    Args:
        num_ops: operations an image, at least 1.
        magnitude: of all operations, from 0 to 30; assignable at any time. The paper has 9 for
            ImageNet and a ResNet-50.
        value_range: lowest and highest value of the pixels: a pair of numbers, or of sequences with
            one number a channel.
        fill: what comes in from outside of the image, from 0, the lowest value, to 1, the highest;
            gray as in the paper.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(batch, height, width, channels)`, at least 3 x 3 pixels, unchanged; integers are
    rounded. Images that are not of 3 channels have no saturation to change.

    Raises:
        ValueError: an argument or the rank of the input is none of these.

    Example:

    >>> import numpy as np
    >>> images = np.zeros((2, 8, 8, 3), "uint8")
    >>> RandAugment(num_ops=2, magnitude=9, seed=1)(images, training=True).shape == (2, 8, 8, 3)
    True

    Reference: Cubuk et al., RandAugment: Practical Automated Data Augmentation with a Reduced
    Search Space, 2020, https://arxiv.org/abs/1909.13719
    """

    magnitude = LiveScalar(f"[0, {_LARGEST:g}]")

    def __init__(
        self, num_ops=2, magnitude=9.0, value_range=(0, 255), fill=0.5, seed=None, **kwargs
    ):
        super().__init__(value_range, fill=fill, seed=seed, **kwargs)
        if not isinstance(num_ops, int) or num_ops < 1:
            raise ValueError(
                "RandAugment: `num_ops` must be an integer of at least 1. "
                f"Received: num_ops={num_ops!r}"
            )
        self.num_ops = num_ops
        self.magnitude = magnitude

    def draw(self, count, draws):
        shape = (count, self.num_ops)
        choice = ops.floor(draws.uniform(shape, 0.0, float(len(OPERATIONS))))
        sign = ops.where(draws.uniform(shape) < 0.5, -1.0, 1.0)
        strength = ops.ones(shape) * (self._magnitude / _LARGEST)
        return Drawn(ops.cast(choice, "int32"), strength, sign, RANGES)

    def get_config(self):
        return {**super().get_config(), "num_ops": self.num_ops, "magnitude": self.magnitude}
