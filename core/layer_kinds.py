"""The kinds of layers of Keras and Occam, in one table, and their properties."""

import inspect
from collections.abc import Iterator
from enum import Enum
from numbers import Real
from typing import Any, NamedTuple

import keras


class Kind(Enum):
    """The kinds of layers, each with the names of its classes.

    Each public layer of Keras and Occam is in one row. Names without a prefix are classes of Keras,
    `occam.` is a class of this package (a name, because `core` does not import the zoo), and `ops.`
    an operation on symbolic tensors, for which Keras exports no class. Subclasses count as their
    base.
    """

    DENSE = ("Dense", "EinsumDense")
    CONVOLUTION = ("Conv1D", "Conv2D", "Conv3D")
    TRANSPOSED_CONVOLUTION = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
    DEPTHWISE_CONVOLUTION = ("DepthwiseConv1D", "DepthwiseConv2D")
    SEPARABLE_CONVOLUTION = ("SeparableConv1D", "SeparableConv2D")
    RECURRENT = (
        *("RNN", "SimpleRNN", "GRU", "LSTM", "StackedRNNCells"),
        *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
    )
    RECURRENT_CELL = ("SimpleRNNCell", "GRUCell", "LSTMCell", "ConvLSTMCell")  # the last is private
    ATTENTION = ("Attention", "AdditiveAttention")
    MULTI_HEAD_ATTENTION = ("MultiHeadAttention", "GroupedQueryAttention")  # made of other layers
    EMBEDDING = ("Embedding", "ReversibleEmbedding", "occam.PeriodicEmbedding")
    NORMALIZATION = (
        *("BatchNormalization", "GroupNormalization", "LayerNormalization"),
        *("RMSNormalization", "UnitNormalization"),
    )
    ACTIVATION = (
        *("Activation", "ELU", "LeakyReLU", "PReLU", "ReLU"),
        *("ops.Celu", "ops.Elu", "ops.Gelu", "ops.LeakyRelu", "ops.Relu", "ops.Relu6", "ops.Selu"),
        *("ops.Silu", "ops.HardShrink", "ops.HardSigmoid", "ops.HardSilu", "ops.HardTanh"),
        *("ops.LogSigmoid", "ops.Sigmoid", "ops.SoftShrink", "ops.Softplus", "ops.Softsign"),
        *("ops.SparsePlus", "ops.Squareplus", "ops.Tanh", "ops.TanhShrink", "ops.Threshold"),
    )
    SOFTMAX = ("Softmax", "ops.Softmax", "ops.LogSoftmax")
    ARITHMETIC = ("ops.Abs", "ops.Absolute", "ops.Negative", "ops.Square")
    IDENTITY = ("Identity", "ActivityRegularization")

    # Random in training, the identity at inference
    DROPOUT = (  # of units, with the attribute `rate`
        *("Dropout", "AlphaDropout", "GaussianDropout"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
        *("occam.Dropout", "occam.SpatialDropout", "occam.DropBlock"),
    )
    NOISE = ("GaussianNoise", "occam.GaussianNoise")
    AUGMENTATION = (
        *("AugMix", "CutMix", "MixUp", "RandAugment", "RandomBrightness", "RandomContrast"),
        *("RandomColorDegeneration", "RandomColorJitter", "RandomElasticTransform"),
        *("RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale", "RandomHue"),
        *("RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation"),
        *("RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom"),
        "occam.Augmentation",
    )
    # Random in training, but not the identity at inference
    RANDOM_CROP = ("RandomCrop",)
    RESIDUAL_SUM = ("occam.StochasticDepth", "occam.ResidualBranch")  # drops the branch of samples
    KERNEL_WRAPPER = ("occam.DropConnect", "occam.ConcreteDropout")  # drops weights or inputs

    ENSEMBLE = ("occam.MemberScale", "occam.EnsembleMean")  # adds and averages members

    MERGE = (
        *("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"),
        *("ops.Add", "ops.Maximum", "ops.Minimum", "ops.Multiply", "ops.Subtract"),
    )
    CONCATENATION = ("Concatenate", "ops.Concatenate")
    DOT = ("Dot",)
    POOLING = (
        *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
        *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D"),
    )
    ADAPTIVE_POOLING = (
        *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"),
        *("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"),
    )
    GLOBAL_POOLING = (
        *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
        *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D"),
    )
    RESHAPING = (
        *("Flatten", "Permute", "Reshape"),
        *("ops.ExpandDims", "ops.Reshape", "ops.Squeeze", "ops.Transpose"),
    )
    CAST = ("ops.Cast",)
    RESAMPLING = (
        *("Cropping1D", "Cropping2D", "Cropping3D", "RepeatVector"),
        *("UpSampling1D", "UpSampling2D", "UpSampling3D"),
        *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
    )
    SCALING = ("Normalization", "Rescaling")  # by constants
    MASKING = ("Masking",)
    PREPROCESSING = (
        *("AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization"),
        *("Equalization", "MaxNumBoundingBoxes", "Resizing", "Solarization"),
        *("CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup"),
        *("MelSpectrogram", "STFTSpectrogram", "StringLookup", "TextVectorization"),
    )
    WRAPPER = ("Wrapper", "Bidirectional", "SpectralNormalization", "TimeDistributed")
    CONTAINER = ("Pipeline",)
    INPUT = ("InputLayer",)
    CUSTOM = ("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper")


CONVOLUTIONS = (
    *(Kind.CONVOLUTION, Kind.TRANSPOSED_CONVOLUTION),
    *(Kind.DEPTHWISE_CONVOLUTION, Kind.SEPARABLE_CONVOLUTION),
)
_KINDS = {name: kind for kind in Kind for name in kind.value}


def kind_of(operation: Any, *, exact: bool = False) -> Kind | None:
    """Return the kind of a layer or operation of `keras.ops`, or `None` if it is in no row.

    With `exact`, subclasses are in no row, because they may compute something else.

    >>> kind_of(keras.layers.SpatialDropout1D(0.5)) is Kind.DROPOUT
    True
    """
    for cls in type(operation).__mro__[: 1 if exact else None]:
        if kind := _KINDS.get(_name(cls)):
            return kind
    return None


def in_keras_or_occam(module: str) -> bool:
    """Return whether a module, such as the `__module__` of a class, is part of Keras or Occam."""
    return module.split(".")[0] in ("keras", "occam")


def _name(cls: type) -> str:
    if cls.__module__.startswith("keras.src.ops."):
        return f"ops.{cls.__name__}"
    package = cls.__module__.split(".")[0]
    return cls.__name__ if package == "keras" else f"{package}.{cls.__name__}"


# Normalization


def is_normalization(layer: Any) -> bool:
    """Return whether the weights of a layer are the scales and offsets of a normalization.

    Other layers count if their class name contains "Norm" and no weight is a matrix.
    """
    if (kind := kind_of(layer)) is not None:
        return kind is Kind.NORMALIZATION
    weights = getattr(layer, "weights", ())
    return "Norm" in type(layer).__name__ and all(len(w.shape) < 2 for w in weights)


# Activations

_ELEMENTWISE = (
    *("celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu"),
    *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu"),
    *("sigmoid", "silu", "soft_shrink", "softplus", "softsign", "sparse_plus", "sparse_sigmoid"),
    *("squareplus", "tanh", "tanh_shrink", "threshold"),
)
_ELEMENTWISE_FUNCTIONS = frozenset(getattr(keras.activations, name) for name in _ELEMENTWISE)


def is_elementwise(activation: Any) -> bool:
    """Return whether an activation function of Keras, or `None`, acts on each number by itself."""
    return activation is None or activation in _ELEMENTWISE_FUNCTIONS


def has_activation(layer: Any) -> bool:
    """Return whether a layer ends in an activation other than linear and softmax."""
    if kind_of(layer) is Kind.ACTIVATION and not isinstance(layer, keras.layers.Activation):
        return True
    activation = getattr(layer, "activation", None)
    if activation is None:
        activation = getattr(getattr(layer, "cell", None), "activation", None)
    return activation not in (None, keras.activations.linear, keras.activations.softmax)


def is_activation(operation: Any) -> bool:
    """Return whether a layer or operation is an activation and nothing else, softmax excepted."""
    return kind_of(operation) is Kind.ACTIVATION and has_activation(operation)


# Channels

_CHANNELWISE = (
    *(Kind.ACTIVATION, Kind.ARITHMETIC, Kind.IDENTITY, Kind.MERGE, Kind.POOLING),
    *(Kind.GLOBAL_POOLING, Kind.RESAMPLING),
)


def keeps_channels_apart(operation: Any) -> bool:
    """Return whether channel `c` of the output depends on channel `c` of each input only.

    Channels are on the last axis. Subclasses count as unknown. Constant arrays among the arguments
    of an operation are not checked.
    """
    if getattr(operation, "data_format", "channels_last") != "channels_last":
        return False
    if isinstance(operation, keras.layers.Activation) and not is_elementwise(operation.activation):
        return False
    return kind_of(operation, exact=True) in _CHANNELWISE


# Kernels


class KernelAxes(NamedTuple):
    """The axes of a kernel along which its output units and its input channels lie."""

    units: tuple[int, ...]
    channels: tuple[int, ...]


def kernel_axes(layer: Any, name: str, rank: int) -> KernelAxes | None:
    """Return the unit axes and the channel axes of a kernel, or `None` if unknown.

    In a depthwise kernel, both of the last axes are unit axes. `name` is the name of the kernel in
    the layer, such as `"depthwise_kernel"` or `"recurrent"`, and `rank` its number of axes.

    >>> kernel_axes(keras.layers.Conv2DTranspose(8, 3), "kernel", 4)
    KernelAxes(units=(2,), channels=(3,))
    """
    kind, last, before = kind_of(layer), rank - 1, rank - 2
    if kind is Kind.DEPTHWISE_CONVOLUTION or "depthwise" in name:
        return KernelAxes((before, last), (before,))
    if kind is Kind.TRANSPOSED_CONVOLUTION:
        return KernelAxes((before,), (last,))
    if isinstance(layer, keras.layers.EinsumDense):
        terms, result = layer.equation.replace(" ", "").split("->")
        kept = [letter in result for letter in terms.split(",")[1]]
        units = tuple(axis for axis, is_kept in enumerate(kept) if is_kept)
        return KernelAxes(units, tuple(axis for axis in range(len(kept)) if axis not in units))
    if kind in (Kind.DENSE, *CONVOLUTIONS, Kind.RECURRENT, Kind.RECURRENT_CELL):
        return KernelAxes((last,), (before,))
    return None


# Dropout and random generators

_RATES = ("rate", "dropout", "recurrent_dropout")
_WITH_RATES = (
    *(Kind.DROPOUT, Kind.RESIDUAL_SUM, Kind.KERNEL_WRAPPER),
    *(Kind.RECURRENT_CELL, Kind.ATTENTION),
)


def drop_rates(layer: Any) -> dict[str, float]:
    """Return the drop rates of a layer itself, by the names of its arguments.

    User-defined layers count if they have a random generator and such an argument. Noise,
    augmentation and inner layers do not count.

    >>> drop_rates(keras.layers.LSTMCell(3, dropout=0.5))
    {'dropout': 0.5, 'recurrent_dropout': 0.0}
    """
    kind = kind_of(layer)
    if not (kind in _WITH_RATES or (kind is None and layer._seed_generators)):
        return {}
    found = {name: getattr(layer, name, None) for name in _RATES}
    return {
        name: float(rate)
        for name, rate in found.items()
        if isinstance(rate, Real) and not isinstance(rate, bool) and 0 <= rate <= 1
    }


def drops_single_values(layer: Any) -> bool:
    """Return whether a layer is a `Dropout` of any package that drops values independently."""
    return type(layer).__name__ == "Dropout" and getattr(layer, "noise_shape", None) is None


def drops_samples(layer: Any) -> bool:
    """Return whether a layer drops whole samples, like stochastic depth on a residual branch.

    `keras.applications` uses a `Dropout` for it, and a private class in ConvNeXt. Occam's
    `StochasticDepth` is a sum instead, of `Kind.RESIDUAL_SUM`.
    """
    if type(layer).__name__ == "Dropout":
        shape = getattr(layer, "noise_shape", None)
        return shape is not None and len(shape) > 1 and set(shape[1:]) == {1}
    named = type(layer).__name__ in ("DropPath", "StochasticDepth")
    return named and kind_of(layer) is not Kind.RESIDUAL_SUM


def seed_generators(layer: Any) -> Iterator[keras.random.SeedGenerator]:
    """Yield the random generators of a layer itself, without its inner layers."""
    cell = kind_of(layer) in (Kind.RECURRENT_CELL, Kind.ATTENTION)
    if not cell or any(drop_rates(layer).values()):  # cells have a generator even with rates of 0
        yield from layer._seed_generators  # private in Keras 3.15


def takes_training(operation: Any) -> bool:
    """Return whether the `call` of a layer has an argument `training`."""
    is_layer = isinstance(operation, keras.layers.Layer)
    return is_layer and "training" in inspect.signature(operation.call).parameters


def unwrap(layer: Any) -> Any:
    """Return the layer inside all wrappers, or the layer itself."""
    while isinstance(layer, keras.layers.Wrapper | keras.layers.Bidirectional):
        bidirectional = isinstance(layer, keras.layers.Bidirectional)
        layer = layer.forward_layer if bidirectional else layer.layer
    return layer
