"""`Architecture`: one registered model."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from ..regularization import Regularization
from .blueprint import Blueprint, ZooModel
from .pretrained import load_weights
from .wiring import Wiring

TIERS = ("none", "light", "medium", "strong")


@dataclass(frozen=True)
class Architecture:
    """One registered model: how to build it, and which regularization it supports.

    Args:
        build: Function `build(inputs, num_classes, wiring, **options) -> logits`.
        presets: A `Regularization` for each of `TIERS`.

    See `register_model` for the other arguments.
    """

    name: str
    build: Callable[..., Any]
    supports: tuple[str, ...]
    presets: Mapping[str, Regularization]
    ranks: tuple[int, ...]
    reference: str
    min_size: int = 1

    @property
    def options(self) -> dict[str, Any]:
        """The options of the architecture and their defaults: widths, depths, ..."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @property
    def supported(self) -> tuple[str, ...]:
        """All fields that the layers or the training support, in the order of declaration."""
        supported = (*self.supports, *Regularization.names("training"))
        return tuple(name for name in Regularization.fields() if name in supported)

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The fields without meaning here, such as stochastic depth without residual blocks."""
        return tuple(name for name in Regularization.fields() if name not in self.supported)

    def check(self, regularization: Regularization) -> None:
        """Raise a `ValueError` if `regularization` has a nonzero unsupported field."""
        if unsupported := [name for name in regularization.on() if name not in self.supported]:
            raise ValueError(
                f"Model {self.name!r} does not support {', '.join(unsupported)}. "
                f"It supports: {', '.join(self.supported)}. Received: {regularization}"
            )

    def create(self, blueprint: Blueprint) -> keras.Model:
        """Build the model of a blueprint, load its weights, and attach the blueprint."""
        inputs = keras.Input(blueprint.input_shape, name="features")
        wiring = Wiring(blueprint.regularization, seed=blueprint.seed)
        logits = self.build(inputs, blueprint.num_classes, wiring, **blueprint.options)
        wiring.check()
        model = ZooModel(inputs, logits, name=self.name)
        model.blueprint = blueprint
        if blueprint.weights is not None:
            load_weights(model, self.name, blueprint.weights)
        return model
