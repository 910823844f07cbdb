"""`Augmentation`: the base class of all augmentation layers."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ...core.checks import message
from ..layers.shared_arguments import check_channels_last, seed_generator
from .draws import Draws


class Augmentation(keras.layers.Layer):
    """Changes a batch at random in training. At inference, it is exactly the identity.

    A subclass defines `augment(inputs, draws)`. The result has the shape and type of the inputs;
    integers are computed in float32 and rounded.

    Args:
        seed: The integer seed of the draws, mixed with the layer's name. `None` draws one.

    Call arguments:
        inputs: A batch, with the samples along the first axis.
        training: Whether to augment.
        seed: An integer, or a tensor of two, that replaces the layer's counter as the source of all
            draws of this call. Parallel calls, as in tf.data, need it.

    Raises:
        ValueError: If the layer needs channels last and Keras is set to "channels_first".
    """

    takes_labels = False  # whether inputs and outputs are pairs `(x, y)`
    takes_any_samples = False  # whether x is never read, and may be text or a dict of tensors
    needs_channels_last = False
    num_classes: int  # of the labels

    def __init__(self, seed=None, **kwargs):
        # Inputs keep their type: the labels of a mixed batch must not become float16.
        super().__init__(autocast=False, **kwargs)
        if self.needs_channels_last:
            check_channels_last(type(self).__name__)
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)
        self.supports_masking = True
        self.built = True  # no weight depends on the shape of the inputs

    def call(self, inputs, training=False, seed=None):
        inputs = self.check_inputs(inputs)
        if not training:
            return inputs
        return self.augment(inputs, self.draws(seed))

    def draws(self, seed: Any = None) -> Draws:
        """Return the draws of one call, from `seed` or the layer's counter."""
        return Draws(self.seed_generator.next() if seed is None else seed)

    def augment(self, inputs: Any, draws: Draws) -> Any:
        """Return the augmented batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no `augment`.")

    def check_inputs(self, inputs: Any) -> Any:
        """Return `inputs`; raise a `ValueError` unless they are x, or `(x, y)` with labels."""
        pair = isinstance(inputs, list | tuple) and len(inputs) == 2
        parts = inputs if self.takes_labels and pair else (inputs,)
        numeric = parts[-1:] if self.takes_any_samples else parts
        if self.takes_labels == (len(parts) == 2) and all(map(_is_numeric, numeric)):
            return inputs
        expected = "a pair (x, y) of numeric tensors" if self.takes_labels else "one numeric tensor"
        if self.takes_labels and isinstance(inputs, list | tuple) and len(inputs) == 3:
            expected += ", without sample weights"
        raise ValueError(
            f"`inputs` of {type(self).__name__} must be {expected}. Received: {_described(inputs)}"
        )

    def check_rank(self, inputs: Any, *ranks: int) -> None:
        """Raise a `ValueError` unless `inputs` has one of these ranks."""
        if len(inputs.shape) not in ranks:
            axes = {2: "features", 3: "steps, channels", 4: "height, width, channels"}
            raise ValueError(
                f"`inputs` of {type(self).__name__} must be a batch of shape "
                f"{' or '.join(f'(batch, {axes[rank]})' for rank in ranks)}. "
                f"Received: shape {tuple(inputs.shape)}"
            )

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs, training=False, seed=None):
        inputs = self.check_inputs(inputs)
        x, y = inputs if self.takes_labels else (inputs, None)
        x = keras.tree.map_structure(lambda t: keras.KerasTensor(t.shape, dtype=t.dtype), x)
        if not self.takes_labels:
            return x
        return x, keras.KerasTensor((y.shape[0], self.num_classes), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


def _is_numeric(x: Any) -> bool:
    tensor = hasattr(x, "shape") and hasattr(x, "dtype")
    return tensor and keras.backend.standardize_dtype(x.dtype) != "string"


def _described(inputs: Any) -> str:
    if isinstance(inputs, list | tuple):
        return f"{type(inputs).__name__} of {len(inputs)}: ({', '.join(map(_described, inputs))})"
    if isinstance(inputs, dict):
        return f"dict with keys {list(inputs)}"
    if hasattr(inputs, "shape") and hasattr(inputs, "dtype"):
        return f"{keras.backend.standardize_dtype(inputs.dtype)} of shape {tuple(inputs.shape)}"
    return repr(inputs)


def as_float(x: Any) -> Any:
    """Return floats unchanged and integers as float32."""
    return x if _is_float(x) else ops.cast(x, "float32")


def as_type_of(x: Any, original: Any) -> Any:
    """Return floats in the type of `original`, rounded if that is an integer type."""
    return ops.cast(x if _is_float(original) else ops.round(x), original.dtype)


def _is_float(x: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(x.dtype)


def bounds_of(value_range: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the bounds as float32 arrays, or raise a `ValueError`."""
    if isinstance(value_range, list | tuple) and len(value_range) == 2:
        low, high = (np.asarray(bound, "float32") for bound in value_range)
        if (low < high).all():
            return low, high
    raise ValueError(message("value_range", value_range, "a pair of a lower and a higher value"))
