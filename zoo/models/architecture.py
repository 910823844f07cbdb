"""`Architecture`: how one model of the zoo is built, and what it can honour."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras

from ..regularization import Regularization
from .blueprint import Blueprint, ZooModel
from .pretrained import load_weights
from .wiring import Wiring

__all__ = ["TIERS", "Architecture"]

TIERS = ("none", "light", "medium", "strong")


@dataclass(frozen=True)
class Architecture:
    """One registered model: how it is built and what it can honour.

    Args:
        name: the name that `create_model` knows it by.
        build: `build(inputs, num_classes, wiring, **options) -> logits`, a chain of Keras layers.
        honours: the fields of `Regularization` that its layers can honour.
        presets: its tiers, `"light"`, `"medium"` and `"strong"`.
        ranks: the ranks that its input shape may have, without the batch.
        reference: authors, title, year, address.
        smallest: the least height and width, or number of steps, that it takes.
    """

    name: str
    build: Callable[..., Any]
    honours: tuple[str, ...]
    presets: Mapping[str, Regularization]
    ranks: tuple[int, ...]
    reference: str
    smallest: int = 1

    @property
    def options(self) -> dict[str, Any]:
        """The architecture's own options and their defaults: widths, depths, ..."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    @property
    def able(self) -> tuple[str, ...]:
        """All fields that it or its training can honour, in the order of their declaration."""
        able = (*self.honours, *Regularization.names("training"))
        return tuple(name for name in Regularization.strengths() if name in able)

    @property
    def unable(self) -> tuple[str, ...]:
        """The fields that mean nothing here, such as stochastic depth without residual blocks."""
        return tuple(name for name in Regularization.strengths() if name not in self.able)

    def check(self, regularization: Regularization) -> None:
        """Says which fields of `regularization` cannot be honoured, if any."""
        if unable := [name for name in regularization.on() if name not in self.able]:
            raise ValueError(
                f"Model {self.name!r} cannot honour {', '.join(unable)}. "
                f"It can honour: {', '.join(self.able)}. Received: {regularization}"
            )

    def create(self, blueprint: Blueprint) -> keras.Model:
        """The model of a blueprint, with its weights, which carries the blueprint."""
        inputs = keras.Input(blueprint.input_shape, name="features")
        wiring = Wiring(blueprint.regularization, seed=blueprint.seed)
        logits = self.build(inputs, blueprint.num_classes, wiring, **blueprint.options)
        wiring.check()
        model = ZooModel(inputs, logits, name=self.name)
        model.blueprint = blueprint
        if blueprint.weights is not None:
            load_weights(model, self.name, blueprint.weights)
        return model
