"""`DropBlock`: drops contiguous blocks of a feature map."""

from typing import Any

import keras
from keras import ops

from ...core.checks import check_integer
from ...core.live_scalar import LiveScalar
from .shared_arguments import resolve_data_format, seed_generator


@keras.saving.register_keras_serializable(package="occam")
class DropBlock(keras.layers.Layer):
    """Drops blocks of neighboring values in training. At inference, it is the identity.

        y = x * m * count(m) / sum(m)

    `m` is 0 in blocks of `block_size` steps, or `block_size` by `block_size` pixels, at random
    positions, drawn for each sample and channel. Each position is the corner of a block with
    probability

        gamma = 1 - (1 - rate)^(1 / block_size^d),    d = 1 for series, 2 for images

    Blocks may extend beyond the border, so every value is in `block_size^d` possible blocks and
    dropped with probability `rate`. The paper keeps blocks inside and neglects their overlap, so it
    drops less than the rate, especially at the borders. It raises the rate from 0 during training:
    assign `rate` in a callback.

    Args:
        rate: The fraction of values to drop, in [0, 1). It can be changed at any time.
        block_size: The side of a block in steps or pixels, an integer >= 1. With 1 this is dropout.
        seed: The integer seed of the masks, mixed with the layer's name. `None` draws one.
        data_format: "channels_last" or "channels_first", by default the setting of Keras.

    Shapes: `(batch, steps, channels)` or `(batch, height, width, channels)`, unchanged. With
    "channels_first", `(batch, channels, ...)`.

    Raises:
        ValueError: If an argument is out of range, or the input has another rank than 3 or 4.

    Example:

    >>> import numpy as np
    >>> layer = DropBlock(0.1, block_size=5, seed=1)
    >>> layer(np.ones((2, 32, 24, 8)), training=True).shape == (2, 32, 24, 8)
    True

    Reference: Ghiasi, Lin & Le, DropBlock: A Regularization Method for Convolutional Networks,
    2018, https://arxiv.org/abs/1810.12890
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, rate, block_size=7, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        check_integer("block_size", block_size, 1)
        self.rate = rate
        self.block_size = block_size
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)
        self.data_format = resolve_data_format(data_format)
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) not in (3, 4):
            raise ValueError(
                "`inputs` of DropBlock must have rank 3 (series) or 4 (images). "
                f"Received: shape {tuple(input_shape)}"
            )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        first = self.data_format == "channels_first"
        shape: Any = ops.shape(inputs)
        kept = 1.0 - self._blocks((shape[0], *shape[2:], shape[1]) if first else shape)
        if first:
            kept = ops.moveaxis(kept, -1, 1)
        share = ops.maximum(ops.mean(kept), keras.config.epsilon())  # avoids NaN if all is dropped
        return inputs * ops.cast(kept / share, inputs.dtype)

    def _blocks(self, shape):
        """1 where a value is dropped, of shape `(batch, ..., channels)`."""
        batch, *sides, channels = shape
        margin = self.block_size - 1
        corners = (batch, *(side + margin for side in sides), channels)
        uniform = keras.random.uniform(corners, dtype="float32", seed=self.seed_generator)
        gamma = -ops.expm1(ops.log1p(-self._rate) / self.block_size ** len(sides))
        blocks = ops.cast(uniform < gamma, "float32")
        for axis in range(len(sides)):  # the maximum over a block, one side after the other
            window = tuple(self.block_size if a == axis else 1 for a in range(len(sides)))
            blocks = ops.max_pool(blocks, window, strides=1, data_format="channels_last")
        return blocks

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "block_size": self.block_size,
            "seed": self.seed,
            "data_format": self.data_format,
        }
