"""`Wiring`: one `Regularization` as the keyword arguments and layers of one model."""

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import keras

from .. import layers, regularizers
from ..regularization import Regularization

__all__ = ["Wiring"]


class Wiring:
    """Turns a `Regularization` into what an architecture is made of, so that none is forgotten.

    An architecture takes its kernels' arguments, its activations, dropout and residual sums from
    here and names no penalty itself. What is off adds no layer. Each random part gets a seed of
    its own, drawn from the model's.

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

    def kernel(self, axes: int = 1) -> dict[str, Any]:
        """Initializer, penalty and constraint of a kernel, as keyword arguments of its layer.

        Args:
            axes: number of the kernel's axes that lead into one unit: 1 for a dense layer, 2 for a
                1-D and 3 for a 2-D convolution.
        """
        l1, l2, max_norm = self._strengths("l1", "l2", "max_norm")
        limit = keras.constraints.MaxNorm(max_norm, axis=list(range(axes)))
        return {
            "kernel_initializer": keras.initializers.HeNormal(seed=self.seed()),
            "kernel_regularizer": _l1_l2(l1, l2),
            "kernel_constraint": limit if max_norm else None,
        }

    def noise(self, x: Any) -> Any:
        """Gaussian noise on the inputs, in training."""
        (stddev,) = self._strengths("noise")
        return layers.GaussianNoise(stddev, **self._drawing("noise"))(x) if stddev else x

    def relu(self, x: Any) -> Any:
        """A hidden activation with its penalty."""
        penalty = _l1_l2(*self._strengths("activity_l1", "activity_l2"))
        return keras.layers.Activation("relu", activity_regularizer=penalty)(x)

    def dropout(self, x: Any) -> Any:
        """Dropout of hidden units, in training."""
        (rate,) = self._strengths("dropout")
        return layers.Dropout(rate, **self._drawing("dropout"))(x) if rate else x

    def depth_rates(self, blocks: int) -> Iterator[float]:
        """The stochastic-depth rates of a model's residual blocks, in their order."""
        (final,) = self._strengths("stochastic_depth")
        return iter(layers.linear_depth_rates(final, blocks))

    def add(self, shortcut: Any, branch: Any, rate: float) -> Any:
        """The sum of a residual block; its branch is dropped at `rate` in training."""
        if not self.regularization.stochastic_depth:
            return keras.layers.Add()([shortcut, branch])
        layer = layers.StochasticDepth(rate, **self._drawing("stochastic_depth"))
        return layer([shortcut, branch])

    def head(self, x: Any, num_classes: int) -> Any:
        """The logits, in float32 whatever the precision of the rest."""
        return keras.layers.Dense(
            num_classes,
            **{**self.kernel(), "kernel_initializer": self._glorot()},
            dtype="float32",
            name="logits",
        )(x)

    def _glorot(self) -> keras.initializers.Initializer:
        return keras.initializers.GlorotUniform(seed=self.seed())


def _l1_l2(l1: float, l2: float) -> keras.regularizers.Regularizer | None:
    return regularizers.L1L2(l1=l1, l2=l2) if l1 or l2 else None
