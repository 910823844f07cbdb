"""`Wiring`: build the layers of a model with its `Regularization`."""

import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import keras

from ...core.checks import check_one_of
from .. import layers
from ..regularization import Regularization
from ..regularizers import penalty_of

Norm = Literal["batch", "layer", "group"]

# The fields that an architecture supports by taking these parts from `Wiring`.
KERNELS = Regularization.names("kernels")
ACTIVATIONS = Regularization.names("activations")
MAPS = Regularization.names("maps")
RESIDUAL = ("drop_connect", "dropout", "stochastic_depth", "noise")

RANDOM_LAYERS = {  # the layers that these fields put after another layer
    "dropout": layers.Dropout,
    "spatial_dropout": layers.SpatialDropout,
    "drop_block": layers.DropBlock,
    "noise": layers.GaussianNoise,
}
_CONVOLUTIONS = {3: keras.layers.Conv1D, 4: keras.layers.Conv2D}
_INITIALIZERS = {
    "he": keras.initializers.HeNormal,
    "glorot": keras.initializers.GlorotUniform,
    "orthogonal": keras.initializers.Orthogonal,
}
_MAX_GROUPS = 32  # Wu & He 2018
_MAX_BLOCK = 7  # Ghiasi et al. 2018, for the feature maps of a ResNet-50


def block_size(feature_map: Any) -> int:
    """Return the `block_size` of DropBlock: a quarter of the shortest side, from 1 to 7."""
    return min(max(min(feature_map.shape[1:-1]) // 4, 1), _MAX_BLOCK)


class Wiring:
    """Builds the kernels, activations, dropout and residual sums of an architecture.

    An architecture takes its layers from here and names no penalty itself. A field that is off adds
    no layer. Each random layer gets its own seed.

    Args:
        regularization: The strengths of all penalties and rates.
        seed: The integer seed of the initializers and of the random layers.
        head_name: The name of the last layer.
    """

    def __init__(self, regularization: Regularization, *, seed: int, head_name: str = "logits"):
        self.regularization = regularization
        self.head_name = head_name
        self.wired: set[str] = set()
        self._seeds = random.Random(seed)
        self._seed = seed
        self._names: Counter[str] = Counter()

    def seed(self) -> int:
        """Draw a new seed."""
        return self._seeds.getrandbits(31)

    def check(self) -> None:
        """Raise a `ValueError` if a field that is on was never applied."""
        if lost := [n for n in self.regularization.only("model").on() if n not in self.wired]:
            raise ValueError(
                f"The architecture with these options applies {', '.join(lost)} to no layer: leave "
                f"it out of {self.regularization}. If the architecture is yours, remove it from "
                "its `supports`."
            )

    def _strength(self, name: str) -> float:
        """Return the value of a field, and mark it as applied."""
        self.wired.add(name)
        return getattr(self.regularization, name)

    def _seed_and_name(self, kind: str) -> dict[str, Any]:
        """Return the arguments of a random layer that determine its masks.

        Its seed depends on its name only, so that it changes no initial weights: models with the
        same seed and different regularizations begin with the same ones.
        """
        self._names[kind] += 1
        name = f"{kind}_{self._names[kind]}"
        seed = random.Random(f"{name} of {self._seed}").getrandbits(31)
        return {"seed": seed, "name": name}

    def _apply(self, x: Any, field: str, *arguments: Any) -> Any:
        """Apply the random layer of a field, if the field is on."""
        if not (strength := self._strength(field)):
            return x
        return RANDOM_LAYERS[field](strength, *arguments, **self._seed_and_name(field))(x)

    # Kernels

    def kernel(self, axes: int = 1, *, of: str = "kernel", init: str = "he") -> dict[str, Any]:
        """Return the initializer, penalty and constraint of a kernel, as arguments of its layer.

        Args:
            axes: The number of input axes of the kernel, its first ones: 1 in a dense layer, 2 in a
                1-D and 3 in a 2-D convolution.
            of: The name of the kernel in the layer: "kernel", "depthwise" or "recurrent".
            init: "he" before a ReLU, "orthogonal" for a recurrence, "glorot" otherwise.
        """
        self.wired.update(KERNELS)
        max_norm = self.regularization.max_norm
        limit = keras.constraints.MaxNorm(max_norm, axis=list(range(axes)))
        return {
            f"{of}_initializer": _INITIALIZERS[init](seed=self.seed()),
            f"{of}_regularizer": penalty_of(self.regularization, "kernels", units=axes),
            f"{of}_constraint": limit if max_norm else None,
        }

    def dense(self, x: Any, units: int, *, init: str = "he", **arguments: Any) -> Any:
        """Apply a hidden dense layer without activation, with DropConnect if it is on."""
        return self._connected(keras.layers.Dense(units, **self.kernel(init=init), **arguments))(x)

    def conv(self, x: Any, filters: int, kernel_size: int, **arguments: Any) -> Any:
        """Apply a convolution over series or images, with DropConnect if it is on."""
        rank = len(x.shape)
        arguments = {"padding": "same", **self.kernel(axes=rank - 1), **arguments}
        return self._connected(_CONVOLUTIONS[rank](filters, kernel_size, **arguments))(x)

    def depthwise(self, x: Any, kernel_size: int, **arguments: Any) -> Any:
        """Apply a depthwise convolution over images."""
        kernel = self.kernel(axes=2, of="depthwise", init="glorot")
        return keras.layers.DepthwiseConv2D(kernel_size, padding="same", **kernel, **arguments)(x)

    def _connected(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        if not (rate := self._strength("drop_connect")):
            return layer
        return layers.DropConnect(layer, rate, **self._seed_and_name("drop_connect"))

    # Inputs, activations and sums

    @staticmethod
    def norm(x: Any, kind: Norm = "batch") -> Any:
        """Normalize by batch, by layer, or by at most 32 groups of channels."""
        check_one_of("norm", kind, ("batch", "layer", "group"))
        if kind == "batch":
            return keras.layers.BatchNormalization()(x)
        if kind == "layer":
            return keras.layers.LayerNormalization(epsilon=1e-6)(x)
        return keras.layers.GroupNormalization(math.gcd(x.shape[-1], _MAX_GROUPS))(x)

    def noise(self, x: Any) -> Any:
        """Add Gaussian noise to the inputs in training."""
        return self._apply(x, "noise")

    def activation(self, x: Any, function: str) -> Any:
        """Apply a hidden activation with its penalty."""
        self.wired.update(ACTIVATIONS)
        penalty = penalty_of(self.regularization, "activations")
        return keras.layers.Activation(function, activity_regularizer=penalty)(x)

    def relu(self, x: Any) -> Any:
        """Apply a ReLU with its penalty."""
        return self.activation(x, "relu")

    def dropout(self, x: Any) -> Any:
        """Apply dropout to hidden units."""
        return self._apply(x, "dropout")

    def drop_maps(self, x: Any) -> Any:
        """Drop whole channels and blocks of hidden feature maps."""
        x = self._apply(x, "spatial_dropout")
        if self._strength("drop_block"):
            x = self._apply(x, "drop_block", block_size(x))
        return x

    def depth_rates(self, blocks: int) -> Iterator[float]:
        """Return the stochastic-depth rates of the residual blocks of a model, in their order."""
        return iter(layers.linear_depth_rates(self.regularization.stochastic_depth, blocks))

    def add(self, shortcut: Any, branch: Any, rate: float) -> Any:
        """Add the branch of a residual block to its shortcut, with stochastic depth if it is on."""
        if not self._strength("stochastic_depth"):
            return keras.layers.Add()([shortcut, branch])
        layer = layers.StochasticDepth(rate, **self._seed_and_name("stochastic_depth"))
        return layer([shortcut, branch])

    def head(self, x: Any, units: int) -> Any:
        """Return the logits or standardized values, in float32 also in mixed precision."""
        kernel = self.kernel(init="glorot")
        return keras.layers.Dense(units, **kernel, dtype="float32", name=self.head_name)(x)

    def member_heads(self, x: Any, units: int) -> Any:
        """Return what `head` does for each member of an ensemble, `(batch, members, units)`.

        The kernel is `(inputs, members, units)`. For penalties, a unit is that of all members.
        """
        _, members, width = x.shape
        bound = math.sqrt(6 / (width + units))  # that of one head; Keras would count all inputs
        kernel = self.kernel(axes=2)
        kernel["kernel_initializer"] = keras.initializers.RandomUniform(
            -bound, bound, seed=self.seed()
        )
        return keras.layers.EinsumDense(
            "bmi,imo->bmo",
            (members, units),
            bias_axes="mo",
            **kernel,
            dtype="float32",
            name=self.head_name,
        )(x)
