"""`Architecture`: one registered model."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import keras

from ..layers import EnsembleMean
from ..regularization import Regularization
from .blueprint import Blueprint, ZooModel
from .pretrained import load_weights
from .wiring import Wiring

if TYPE_CHECKING:
    from ..data import Data

TIERS = ("none", "light", "medium", "strong")
SCARCE = 100  # training samples per class
SCARCE_OF_REGRESSION = 1000
SERIES = {  # of residual and convolutional networks
    "light": Regularization(label_smoothing=0.05),
    "medium": Regularization(label_smoothing=0.1),
    "strong": Regularization(weight_decay=0.01, dropout=0.3, label_smoothing=0.1),
}
SCARCE_SERIES = SERIES | {"strong": Regularization(dropout=0.3, label_smoothing=0.1)}


@dataclass(frozen=True)
class Setting:
    """The properties of the data that select the tiers of a model.

    Args:
        task: The kind of the task.
        text: Whether the data is a text, which is neither augmented nor mixed.
        scarce: Whether there are fewer than 100 training samples per class: on the series of the
            suite with so few, augmentation helped the `mlp` on two of four sets and hurt it on two.
            Of a regression, whether there are fewer than 1,000: penalties that help with a few
            hundred were ten times too strong with 3,000.
    """

    task: str = "classification"
    text: bool = False
    scarce: bool = False

    @classmethod
    def of(cls, data: "Data") -> "Setting":
        """Return the setting of data."""
        text = data.vocabulary_size is not None
        enough = {"regression": SCARCE_OF_REGRESSION}
        if data.task.kind == "classification":
            enough["classification"] = SCARCE * data.num_classes
        return cls(data.task.kind, text, data.sizes["train"] < enough.get(data.task.kind, 0))


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
    other_presets: Mapping[str, Mapping[str, Regularization]] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The options of the architecture, such as widths and depths, and their defaults."""
        parameters = inspect.signature(self.build).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def presets_for(self, setting: Setting) -> dict[str, Regularization]:
        """Return the tiers for a setting, without what means nothing in it."""
        regression = setting.task == "regression"
        holds = {
            "scarce": setting.scarce,
            "regression": regression,
            "scarce regression": setting.scarce and regression,
        }
        tiers = dict(self.presets)
        for name in filter(holds.get, holds):
            tiers |= self.other_presets.get(name, {})
        if regression:
            tiers = {tier: r.replace(label_smoothing=0.0) for tier, r in tiers.items()}
        if setting.text:
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
        if len(head.shape) == 3:  # of the members of an ensemble
            head = EnsembleMean(task.kind, dtype="float32", name="mean")(head)
        wiring.check()
        model = ZooModel(inputs, task.outputs(head), name=self.name)
        model.blueprint = blueprint
        if blueprint.weights is not None:
            load_weights(model, self.name, blueprint.weights)
        return model
