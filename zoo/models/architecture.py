"""`Architecture`: one registered model."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras

from ..regularization import Regularization
from .blueprint import Blueprint, ZooModel
from .pretrained import load_weights
from .wiring import Wiring

TIERS = ("none", "light", "medium", "strong")


@dataclass(frozen=True)
class Architecture:
    """A registered model; see `register_model` for the fields. `presets` has all `TIERS`."""

    name: str
    build: Callable[..., Any]
    supports: tuple[str, ...]
    presets: Mapping[str, Regularization]
    ranks: tuple[int, ...]
    reference: str
    min_size: int = 1
    regression_presets: Mapping[str, Regularization] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the architecture, such as widths and depths, and their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def presets_for(self, task: str, *, text: bool = False) -> dict[str, Regularization]:
        """Return the tiers for a kind of task, without what means nothing for it or for a text."""
        tiers = dict(self.presets)
        if task == "regression":
            tiers = {tier: r.replace(label_smoothing=0.0) for tier, r in tiers.items()}
            tiers |= self.regression_presets
        if text:
            off: dict[str, Any] = {"augmentation": "none", "mixup": 0.0, "cutmix": 0.0}
            tiers = {tier: r.replace(**off) for tier, r in tiers.items()}
        return tiers

    @property
    def supported(self) -> tuple[str, ...]:
        """All supported fields, of the model and of training, in the order of declaration."""
        supported = (*self.supports, *Regularization.names("training"))
        return tuple(name for name in Regularization.fields() if name in supported)

    @property
    def unsupported(self) -> tuple[str, ...]:
        """The other fields, such as stochastic depth in a model without residual blocks."""
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
        text = blueprint.options.get("vocabulary") is not None
        dtype = "int32" if text else None
        inputs = keras.Input(blueprint.input_shape, dtype=dtype, name="features")
        task = blueprint.task
        wiring = Wiring(blueprint.regularization, seed=blueprint.seed, head_name=task.head_name)
        head = self.build(inputs, task.units, wiring, **blueprint.options)
        wiring.check()
        model = ZooModel(inputs, task.outputs(head), name=self.name)
        model.blueprint = blueprint
        if blueprint.weights is not None:
            load_weights(model, self.name, blueprint.weights)
        return model
