"""`LayerScale`: a residual branch that starts small."""

import keras

__all__ = ["LayerScale"]


@keras.saving.register_keras_serializable(package="occam")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a learned factor that starts at `initial`.

        y = gamma * x

    Args:
        initial: the factors' first value.

    Shapes: `(..., channels)`, unchanged.

    Example:

    >>> float(LayerScale(0.5)(keras.ops.ones((1, 1)))[0, 0])
    0.5

    Reference: Touvron et al., Going Deeper with Image Transformers, 2021,
    https://arxiv.org/abs/2103.17239
    """

    def __init__(self, initial=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial
        self.supports_masking = True

    def build(self, input_shape):
        initializer = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight(name="gamma", shape=input_shape[-1:], initializer=initializer)

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}
