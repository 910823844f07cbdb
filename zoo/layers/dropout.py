"""`Dropout` and `SpatialDropout`, with a rate that can be changed during training."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .shared_arguments import resolve_data_format, seed_generator


@keras.saving.register_keras_serializable(package="occam")
class Dropout(keras.layers.Layer):
    """Drops each input with probability `rate` in training. At inference, it is the identity.

        y = x * m / (1 - rate),    m ~ Bernoulli(1 - rate)

    Unlike in Keras' layer, `rate` can be changed at any time, even inside `fit` and from 0.

    Args:
        rate: The fraction of inputs to drop, in [0, 1).
        noise_shape: The shape of the mask, where `None` is the size of the input. By default the
            shape of the input. `(None, 1, None)` drops the same channels at all steps of a series.
        seed: The integer seed of the masks, mixed with the layer's name. `None` draws one.

    Shapes: Any, unchanged.

    Raises:
        ValueError: If `rate` is not in [0, 1), or `noise_shape` has another rank than the input.

    Example:

    >>> layer = Dropout(0.0, seed=1)
    >>> layer.rate = 0.5
    >>> layer.rate
    0.5

    Reference: Srivastava et al., Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting, 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.noise_shape = noise_shape
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        if not training:
            return inputs
        shape = self._mask_shape(ops.shape(inputs))
        uniform = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        scale = ops.cast(1.0 / (1.0 - self._rate), inputs.dtype)
        return ops.where(uniform >= self._rate, inputs * scale, ops.zeros_like(inputs))

    def _mask_shape(self, inputs_shape):
        if self.noise_shape is None:
            return inputs_shape
        if len(self.noise_shape) != len(inputs_shape):
            raise ValueError(
                "`noise_shape` must have as many entries as the input has axes, "
                f"{len(inputs_shape)}. Received: noise_shape={self.noise_shape!r}"
            )
        pairs = zip(self.noise_shape, inputs_shape, strict=True)
        return tuple(whole if size is None else size for size, whole in pairs)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "noise_shape": self.noise_shape,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="occam")
class SpatialDropout(Dropout):
    """Drops whole channels with probability `rate` in training. At inference, it is the identity.

        y[n, ..., c] = x[n, ..., c] * m[n, c] / (1 - rate),    m ~ Bernoulli(1 - rate)

    Neighboring values of a feature map are similar. If `Dropout` drops one of them, the others
    still carry its information.

    Args:
        rate: The fraction of channels to drop, in [0, 1). It can be changed at any time.
        seed: The integer seed of the masks, as in `Dropout`.
        data_format: "channels_last" or "channels_first", by default the setting of Keras.

    Shapes: `(batch, ..., channels)` of rank 3 or more, unchanged. With "channels_first", `(batch,
    channels, ...)`.

    Raises:
        ValueError: If an argument is out of range, or the input has a rank below 3.

    Example:

    >>> import numpy as np
    >>> y = SpatialDropout(0.5, seed=1)(np.ones((1, 4, 8)), training=True)
    >>> bool((np.asarray(y) == np.asarray(y)[:, :1]).all())
    True

    Reference: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015,
    https://arxiv.org/abs/1411.4280
    """

    def __init__(self, rate, seed=None, data_format=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = resolve_data_format(data_format)

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                "`inputs` of SpatialDropout must be (batch, ..., channels) of rank 3 or more. "
                f"Received: shape {tuple(input_shape)}"
            )

    def _mask_shape(self, inputs_shape):
        ones = (1,) * (len(inputs_shape) - 2)
        if self.data_format == "channels_first":
            return (*inputs_shape[:2], *ones)
        return (inputs_shape[0], *ones, inputs_shape[-1])

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        del config["noise_shape"]  # follows from the rank of the input
        return config
