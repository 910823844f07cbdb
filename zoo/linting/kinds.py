"""What a layer is, as far as rules tell layers apart."""

import dis
from collections.abc import Iterator
from typing import Any

import keras

from .. import layers

__all__ = [
    "drop_rates",
    "drops",
    "is_foreign",
    "is_normalization",
    "keeps_places",
    "passes_on",
    "random_kind",
    "reads_training",
    "responds_to_training",
    "seed_generators",
    "training_default",
]

_DROPOUT = (
    keras.layers.Dropout,  # the spatial ones are subclasses
    keras.layers.GaussianDropout,
    layers.Dropout,
    layers.SpatialDropout,
    layers.DropBlock,
)
_OTHERS_WITH_A_RATE = (
    keras.layers.AlphaDropout,
    layers.DropConnect,
    layers.ResidualBranch,
    layers.StochasticDepth,
)
_WITH_DROPOUT_INSIDE = (
    keras.layers.SimpleRNNCell,
    keras.layers.LSTMCell,
    keras.layers.GRUCell,
    keras.layers.Attention,
    keras.layers.AdditiveAttention,
)
_NORMAL = (keras.layers.GaussianNoise, keras.layers.GaussianDropout, layers.GaussianNoise)
_NORMALIZATION = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
)
_ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.Identity,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.PReLU,
    keras.layers.Softmax,
    keras.layers.Flatten,
    keras.layers.Reshape,
    keras.layers.Permute,
)
# Of `keras.ops`, called on the tensors of a functional model; Keras exports no names for them.
_ELEMENTWISE_OPERATIONS = {
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "HardSilu"),
    *("Sigmoid", "HardSigmoid", "LogSigmoid", "Softplus", "Softsign", "Tanh"),
    *("Softmax", "LogSoftmax"),
    *("Cast", "ExpandDims", "Reshape", "Squeeze", "Transpose"),
}


def drops(layer: Any) -> bool:
    """Whether it is dropout of units, channels or blocks, at a rate above 0."""
    return isinstance(layer, _DROPOUT) and layer.rate > 0


def drop_rates(layer: Any) -> dict[str, float]:
    """The layer's rates of dropping by the names of its arguments; none for most layers."""
    if isinstance(layer, _DROPOUT + _OTHERS_WITH_A_RATE):
        return {"rate": float(layer.rate)}
    if _drops_inside(layer):
        own = vars(layer)
        names = (name for name in ("dropout", "recurrent_dropout") if name in own)
        return {name: float(own[name]) for name in names}
    return {}


def _drops_inside(layer: Any) -> bool:
    # Keras exports no name for the cell of ConvLSTM1D and its kin.
    return isinstance(layer, _WITH_DROPOUT_INSIDE) or type(layer).__name__ == "ConvLSTMCell"


def is_normalization(layer: Any) -> bool:
    """Whether it is a normalization layer: Keras', or one that is called so and has no kernel."""
    if isinstance(layer, _NORMALIZATION):
        return True
    return "Norm" in type(layer).__name__ and all(len(w.shape) < 2 for w in layer.weights)


def keeps_places(layer: Any) -> bool:
    """Whether it changes each value by itself, or only the shape."""
    if isinstance(layer, keras.layers.Layer):
        return isinstance(layer, _ELEMENTWISE)
    return type(layer).__name__ in _ELEMENTWISE_OPERATIONS


def passes_on(layer: Any) -> bool:
    """Whether what stands before it is still what comes out: `keeps_places`, or dropout."""
    return keeps_places(layer) or isinstance(layer, _DROPOUT)


def is_foreign(layer: Any, method: str) -> bool:
    """Whether neither Keras nor this package defines the layer's method."""
    owner = next(cls for cls in type(layer).__mro__ if method in vars(cls))
    return not owner.__module__.startswith(("keras.", "occam."))


def seed_generators(layer: Any) -> Iterator[keras.random.SeedGenerator]:
    """The generators that a layer draws from itself; a cell that drops nothing has one, too."""
    if _drops_inside(layer) and not any(drop_rates(layer).values()):
        return
    for value in vars(layer).values():
        if isinstance(value, keras.random.SeedGenerator):
            yield value


def random_kind(layer: Any) -> str:
    """What it draws: two layers of one kind and one seed draw the same numbers."""
    return "normal" if isinstance(layer, _NORMAL) else "uniform"


def training_default(layer: Any) -> Any:
    """The default of `training` in the layer's `call`; `None` if it takes no such argument."""
    parameter = layer._call_signature.parameters.get("training")
    return None if parameter is None or parameter.default is parameter.empty else parameter.default


def reads_training(layer: Any) -> bool:
    """Whether the code of the layer's `call` does something with the argument `training`."""
    loads = (i for i in dis.get_instructions(type(layer).call) if i.opname.startswith("LOAD"))
    names = (i.argval if isinstance(i.argval, tuple) else (i.argval,) for i in loads)
    return any("training" in several for several in names)


def responds_to_training(layer: Any) -> bool:
    """Whether it does something else in training, by itself.

    A frozen BatchNorm does not; of a layer that neither Keras nor this package defines, a `call`
    with the argument `training` is taken to say so.
    """
    if isinstance(layer, keras.layers.BatchNormalization):
        return layer.trainable
    if isinstance(layer, keras.layers.SpectralNormalization):
        return True
    if rates := drop_rates(layer):
        return any(rates.values())
    if any(True for _ in seed_generators(layer)):
        return True
    takes = "training" in layer._call_signature.parameters
    return takes and is_foreign(layer, "call") and not isinstance(layer, keras.Model)
