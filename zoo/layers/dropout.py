"""`Dropout` with a rate that can be changed at any time."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .seeds import seed_generator

__all__ = ["Dropout"]


@keras.saving.register_keras_serializable(package="occam")
class Dropout(keras.layers.Layer):
    """Drops each input with probability `rate` in training; exactly the identity otherwise.

        y = x * m / (1 - rate),    m ~ Bernoulli(1 - rate)

    Unlike Keras' layer of the same name, `rate` is a weight: `layer.rate = 0.3` is live at once,
    inside `fit` as well, also when the layer was made with rate 0.

    Args:
        rate: fraction of the inputs to drop, in [0, 1).
        noise_shape: shape of the mask, `None` entries as in the input; `(None, 1, None)` drops the
            same channels at all steps of a `(batch, steps, channels)` input. Default: the input's.
        seed: integer seed of the masks, mixed with the layer's name, so that layers with one
            seed draw differently; `None` draws one.

    Shapes: any, unchanged.

    Raises:
        ValueError: `rate` is not in [0, 1), when made and when assigned.

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
        keep = self._uniform(inputs) >= self._rate
        scale = ops.cast(1.0 / (1.0 - self._rate), inputs.dtype)
        return ops.where(keep, inputs * scale, ops.zeros_like(inputs))

    def _uniform(self, inputs):
        shape = self._mask_shape(ops.shape(inputs))
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def _mask_shape(self, inputs_shape):
        if self.noise_shape is None:
            return inputs_shape
        if len(self.noise_shape) != len(inputs_shape):
            raise ValueError(
                f"{type(self).__name__}: `noise_shape` must have as many entries as the input has "
                f"axes, {len(inputs_shape)}. Received: noise_shape={self.noise_shape!r}"
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
