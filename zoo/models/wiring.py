"""`Wiring`: one `Regularization` as the layers of one model."""

import math
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any, Literal

import keras

from .. import layers, regularizers
from ..regularization import Regularization

__all__ = ["ACTIVATIONS", "KERNELS", "MAPS", "RESIDUAL", "Norm", "Wiring"]

Norm = Literal["batch", "layer", "group"]

# What an architecture honours whose kernels, activations and feature maps come from here.
KERNELS = ("l1", "l2", "group_lasso", "orthogonal", "hoyer", "max_norm")
ACTIVATIONS = ("activity_l1", "activity_l2")
MAPS = ("spatial_dropout", "drop_block")
RESIDUAL = ("drop_connect", "dropout", "stochastic_depth", "noise")

_CONVOLUTIONS = {3: keras.layers.Conv1D, 4: keras.layers.Conv2D}
_LARGEST_GROUPS = 32  # Wu & He 2018
_LARGEST_BLOCK = 7  # Ghiasi et al. 2018, of the feature maps of a ResNet-50


class Wiring:
    """Turns a `Regularization` into what an architecture is made of, so that none is forgotten.

    An architecture takes its kernels, activations, dropout and residual sums from here and names
    no penalty itself. What is off adds no layer. Each random part gets a seed of its own, drawn
    from the model's.

    Args:
        regularization: what to wire.
        seed: makes all draws repeatable.
    """

    def __init__(self, regularization: Regularization, *, seed: int):
        self.regularization = regularization
        self.wired: set[str] = set()
        self._seeds = random.Random(seed)
        self._names: Counter[str] = Counter()

    def _strengths(self, *names: str) -> list[float]:
        """The values of some fields, which are remembered as wired."""
        self.wired.update(names)
        return [getattr(self.regularization, name) for name in names]

    def _drawing(self, kind: str) -> dict[str, Any]:
        """The seed and the name of a layer that draws; its masks depend on both."""
        self._names[kind] += 1
        return {"seed": self.seed(), "name": f"{kind}_{self._names[kind]}"}

    def check(self) -> None:
        """Says which fields that are on no layer has taken, if any."""
        if lost := [n for n in self.regularization.only("model").on() if n not in self.wired]:
            raise ValueError(
                f"The architecture wires no layer with {', '.join(lost)}. "
                f"Received: {self.regularization}"
            )

    def seed(self) -> int:
        """A new seed, another at each call."""
        return self._seeds.getrandbits(31)

    # Kernels

    def kernel(self, axes: int = 1, *, of: str = "kernel", init: str = "he") -> dict[str, Any]:
        """Initializer, penalty and constraint of a kernel, as keyword arguments of its layer.

        Args:
            axes: number of the kernel's axes that lead into one unit, the first ones: 1 for a dense
                layer, 2 for a 1-D and 3 for a 2-D convolution.
            of: what the layer calls it: "kernel", "depthwise", "recurrent".
            init: "he" for units that are rectified, "glorot" for others, "orthogonal" for a
                recurrence.
        """
        (max_norm,) = self._strengths("max_norm")
        limit = keras.constraints.MaxNorm(max_norm, axis=list(range(axes)))
        return {
            f"{of}_initializer": _INITIALIZERS[init](seed=self.seed()),
            f"{of}_regularizer": self.kernel_penalty(units=axes),
            f"{of}_constraint": limit if max_norm else None,
        }

    def kernel_penalty(self, units: int = -1) -> keras.regularizers.Regularizer | None:
        """The penalty on one kernel, the sum of those that are on.

        Args:
            units: the kernel's axis along which its units lie.
        """
        l1, l2, group, orthogonal, hoyer = self._strengths(
            "l1", "l2", "group_lasso", "orthogonal", "hoyer"
        )
        terms = [
            _l1_l2(l1, l2),
            regularizers.GroupLasso(group, axis=units) if group else None,
            regularizers.Orthogonal(orthogonal, mode="columns") if orthogonal else None,
            regularizers.Hoyer(hoyer) if hoyer else None,
        ]
        terms = [term for term in terms if term is not None]
        return regularizers.Sum(terms) if len(terms) > 1 else next(iter(terms), None)

    def dense(self, x: Any, units: int, *, init: str = "he", **arguments: Any) -> Any:
        """A hidden dense layer without activation; its connections are dropped in training."""
        return self._connected(keras.layers.Dense(units, **self.kernel(init=init), **arguments))(x)

    def conv(self, x: Any, filters: int, kernel_size: int, **arguments: Any) -> Any:
        """A convolution over series or images, by the rank of `x`, likewise."""
        rank = len(x.shape)
        given = {"padding": "same", **self.kernel(axes=rank - 1), **arguments}
        return self._connected(_CONVOLUTIONS[rank](filters, kernel_size, **given))(x)

    def depthwise(self, x: Any, kernel_size: int, **arguments: Any) -> Any:
        """A convolution of each channel of images by itself."""
        kernel = self.kernel(axes=2, of="depthwise", init="glorot")
        return keras.layers.DepthwiseConv2D(kernel_size, padding="same", **kernel, **arguments)(x)

    def _connected(self, layer: keras.layers.Layer) -> keras.layers.Layer:
        (rate,) = self._strengths("drop_connect")
        if not rate:
            return layer
        return layers.DropConnect(layer, rate, **self._drawing("drop_connect"))

    # Inputs, activations and sums

    @staticmethod
    def norm(x: Any, kind: Norm = "batch") -> Any:
        """Normalization by the batch, by the sample, or by groups of at most 32 channels."""
        if kind == "batch":
            return keras.layers.BatchNormalization()(x)
        if kind == "layer":
            return keras.layers.LayerNormalization(epsilon=1e-6)(x)
        if kind == "group":
            groups = math.gcd(x.shape[-1], _LARGEST_GROUPS)
            return keras.layers.GroupNormalization(groups)(x)
        raise ValueError(f'norm must be "batch", "layer" or "group". Received: norm={kind!r}')

    def noise(self, x: Any) -> Any:
        """Gaussian noise on the inputs, in training."""
        (stddev,) = self._strengths("noise")
        return layers.GaussianNoise(stddev, **self._drawing("noise"))(x) if stddev else x

    def activation(self, x: Any, function: str) -> Any:
        """A hidden activation with its penalty."""
        penalty = _l1_l2(*self._strengths("activity_l1", "activity_l2"))
        return keras.layers.Activation(function, activity_regularizer=penalty)(x)

    def relu(self, x: Any) -> Any:
        """`activation` with the rectifier."""
        return self.activation(x, "relu")

    def dropout(self, x: Any) -> Any:
        """Dropout of hidden units, in training."""
        (rate,) = self._strengths("dropout")
        return layers.Dropout(rate, **self._drawing("dropout"))(x) if rate else x

    def drop_maps(self, x: Any) -> Any:
        """Whole channels, and blocks, of hidden feature maps dropped in training.

        A block's side is a quarter of the shortest side of the map, and 7 at most.
        """
        channels, blocks = self._strengths("spatial_dropout", "drop_block")
        if channels:
            x = layers.SpatialDropout(channels, **self._drawing("spatial_dropout"))(x)
        if blocks:
            side = min(max(min(x.shape[1:-1]) // 4, 1), _LARGEST_BLOCK)
            x = layers.DropBlock(blocks, side, **self._drawing("drop_block"))(x)
        return x

    def depth_rates(self, blocks: int) -> Iterator[float]:
        """The stochastic-depth rates of a model's residual blocks, in their order."""
        return iter(layers.linear_depth_rates(self.regularization.stochastic_depth, blocks))

    def add(self, shortcut: Any, branch: Any, rate: float) -> Any:
        """The sum of a residual block; its branch is dropped at `rate` in training."""
        (final,) = self._strengths("stochastic_depth")
        if not final:
            return keras.layers.Add()([shortcut, branch])
        layer = layers.StochasticDepth(rate, **self._drawing("stochastic_depth"))
        return layer([shortcut, branch])

    def head(self, x: Any, num_classes: int) -> Any:
        """The logits, in float32 whatever the precision of the rest."""
        kernel = self.kernel(init="glorot")
        return keras.layers.Dense(num_classes, **kernel, dtype="float32", name="logits")(x)


_INITIALIZERS = {
    "he": keras.initializers.HeNormal,
    "glorot": keras.initializers.GlorotUniform,
    "orthogonal": keras.initializers.Orthogonal,
}


def _l1_l2(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    return regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None
