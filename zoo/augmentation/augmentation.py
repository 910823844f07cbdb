"""`Augmentation`: what all augmenting layers have in common."""

from typing import Any

import keras
from keras import ops

from ..layers.data_format import check_channels_last
from ..layers.seeds import seed_generator
from .draws import Draws

__all__ = ["Augmentation", "as_float", "as_type_of"]


class Augmentation(keras.layers.Layer):
    """Changes a batch at random in training; exactly the identity otherwise.

    A subclass defines `augment(inputs, draws)`. The result has the shape and type of the inputs;
    integers are computed in float32 and rounded.

    Args:
        seed: integer seed of the layer's own draws, mixed with its name, so that layers with one
            seed draw differently; `None` draws one.

    Call arguments:
        inputs: a batch, its samples along the first axis.
        training: augments if true; off by default.
        seed: an integer, or two in a tensor of shape `(2,)`, from which all draws of this call
            are derived; the layer's own counter is then neither read nor moved. Give one wherever
            calls run in parallel; `zoo.augmentation.augment` does it for tf.data.

    Attributes:
        takes_labels: whether inputs and outputs are pairs `(x, y)` of samples and labels.
        takes_any_samples: whether x is handed on as it is: texts, a dictionary of tensors, ...
        num_classes: where it does, the number of classes.
        needs_channels_last: whether it knows steps or pixels from channels by their axes.

    Raises:
        ValueError: It needs channels last, and Keras' setting is "channels_first".
    """

    takes_labels = False
    takes_any_samples = False
    needs_channels_last = False
    num_classes: int

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
        """The draws of one call: derived from `seed` if given, else from the layer's counter."""
        return Draws(self.seed_generator.next() if seed is None else seed)

    def augment(self, inputs: Any, draws: Draws) -> Any:
        """The augmented batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no `augment`.")

    def check_inputs(self, inputs: Any) -> Any:
        """Returns the inputs if they are what the layer takes: a tensor x, or a pair `(x, y)`."""
        pair = isinstance(inputs, list | tuple) and len(inputs) == 2
        parts = inputs if self.takes_labels and pair else (inputs,)
        numeric = parts[-1:] if self.takes_any_samples else parts
        if self.takes_labels == (len(parts) == 2) and all(map(_is_numeric, numeric)):
            return inputs
        what = "a pair (x, y) of numeric tensors" if self.takes_labels else "one numeric tensor x"
        note = ""
        if self.takes_labels and isinstance(inputs, list | tuple) and len(inputs) == 3:
            note = ", without sample weights, which it cannot mix or hand on"
        raise ValueError(
            f"{type(self).__name__} takes {what}{note}. Received: {_described(inputs)}"
        )

    def check_rank(self, inputs: Any, *ranks: int) -> None:
        """Raises ValueError if `inputs` has none of these ranks."""
        if len(inputs.shape) not in ranks:
            shapes = " or ".join(f"{_SHAPES[rank]}" for rank in ranks)
            raise ValueError(
                f"{type(self).__name__} expects a batch of shape {shapes}. "
                f"Received: shape {tuple(inputs.shape)}"
            )

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, inputs, training=False, seed=None):
        inputs = self.check_inputs(inputs)
        if not self.takes_labels:
            return _like(inputs)
        x, y = inputs
        return keras.tree.map_structure(_like, x), keras.KerasTensor(
            (y.shape[0], self.num_classes), dtype="float32"
        )

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


_SHAPES = {
    2: "(batch, features)",
    3: "(batch, steps, channels)",
    4: "(batch, height, width, channels)",
}


def _is_numeric(x: Any) -> bool:
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        return False
    return keras.backend.standardize_dtype(x.dtype) != "string"


def _described(inputs: Any) -> str:
    if isinstance(inputs, list | tuple):
        return f"{type(inputs).__name__} of {len(inputs)}: ({', '.join(map(_described, inputs))})"
    if isinstance(inputs, dict):
        return f"dict with keys {list(inputs)}"
    if hasattr(inputs, "shape") and hasattr(inputs, "dtype"):
        return f"{keras.backend.standardize_dtype(inputs.dtype)} of shape {tuple(inputs.shape)}"
    return repr(inputs)


def _like(x: Any) -> keras.KerasTensor:
    return keras.KerasTensor(x.shape, dtype=x.dtype)


def as_float(x: Any) -> Any:
    """Floats as they are, integers as float32."""
    return x if _is_float(x) else ops.cast(x, "float32")


def as_type_of(x: Any, original: Any) -> Any:
    """Floats in the type of `original`, rounded if that is an integer."""
    return ops.cast(x if _is_float(original) else ops.round(x), original.dtype)


def _is_float(x: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(x.dtype)
