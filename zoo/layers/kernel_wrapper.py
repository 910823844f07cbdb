"""`KernelWrapper`: the base class of the wrappers of a layer with a kernel."""

import keras
from keras.layers import Conv1D, Conv2D, Conv3D, Dense, EinsumDense

from ...core.checks import message

KERNEL_LAYERS = (Dense, EinsumDense, Conv1D, Conv2D, Conv3D)


class KernelWrapper(keras.layers.Wrapper):
    """Wraps one `Dense`, `EinsumDense` or `Conv` layer, by default in its precision."""

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, KERNEL_LAYERS):
            raise ValueError(message("layer", layer, "a Dense, EinsumDense or Conv layer"))
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        if self.layer.supports_masking:
            return self.layer.compute_mask(inputs, previous_mask)
        return None  # the wrapped layer warns

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
