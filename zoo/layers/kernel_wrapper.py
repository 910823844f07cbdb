"""`KernelWrapper`: the base class of the wrappers of a layer with a kernel."""

import keras

KERNEL_LAYERS = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
)


class KernelWrapper(keras.layers.Wrapper):
    """Wraps one `Dense`, `EinsumDense` or `Conv` layer, by default in its precision.

    Args:
        layer: The layer to wrap.

    Raises:
        ValueError: If `layer` is another layer.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, KERNEL_LAYERS):
            raise ValueError(
                f"`layer` must be a Dense, EinsumDense or Conv layer. Received: layer={layer!r}"
            )
        kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, **kwargs)

    def compute_mask(self, inputs, previous_mask):
        if self.layer.supports_masking:
            return self.layer.compute_mask(inputs, previous_mask)
        return None  # the wrapped layer warns

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)
