"""`Blueprint`: what a model of the zoo was built from, and `ZooModel`, which carries it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import keras
from keras.src.models.functional import Functional  # Keras has no public name for it

from ..regularization import Regularization

__all__ = ["Blueprint", "ZooModel", "blueprint_of"]


_BLUEPRINT = "_occam_blueprint"


@dataclass(frozen=True)
class Blueprint:
    """The arguments of `create_model`, resolved: the same blueprint gives the same model.

    `create_model` leaves it on the model, where `zoo.train` reads it. It is saved with the model,
    and copies of the model have it: those of `clone_model`, `copy.deepcopy` and `zoo.regularize`
    as well. `keras.saving.load_model` needs `occam.zoo.models` to be imported.

    Args:
        name: the model's registered name.
        input_shape: shape of one sample, without the batch.
        num_classes: number of logits.
        regularization: the object, a tier's name resolved.
        seed: the seed of the weights, dropped units and noise.
        options: all of the architecture's own options; lists in them become tuples.
        weights: the data set of the shipped weights that it began with, if it did.
        surgery: what `zoo.regularize` has changed since, as the calls that did.
    """

    name: str
    input_shape: tuple[int, ...]
    num_classes: int
    regularization: Regularization
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    surgery: tuple[str, ...] = ()

    def __post_init__(self):
        # JSON has no tuples: what was saved and loaded is to be equal to what was built.
        object.__setattr__(self, "options", {n: _frozen(v) for n, v in self.options.items()})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Blueprint":
        """The inverse of `to_dict`, also after a way through JSON."""
        regularization = Regularization.from_dict(values["regularization"])
        changed = {
            "regularization": regularization,
            "input_shape": tuple(values["input_shape"]),
            "surgery": tuple(values.get("surgery", ())),
        }
        return cls(**{**values, **changed})

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values; without `surgery` if there was none."""
        values = dataclasses.asdict(self)
        if not self.surgery:  # runs that were begun before the field was there can be resumed
            del values["surgery"]
        return values


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@keras.saving.register_keras_serializable(package="occam")
class ZooModel(Functional):
    """A functional model that carries the `Blueprint` it was built from, and whose copies do.

    Saving, pickling and `copy.deepcopy` go through the config. `keras.models.clone_model` makes a
    model of new output tensors and a name alone, so it is the tensors that carry the blueprint.
    """

    @property
    def blueprint(self) -> Blueprint | None:
        """What it was built from."""
        return getattr(self.outputs[0], _BLUEPRINT, None)

    @blueprint.setter
    def blueprint(self, value: Blueprint | None) -> None:
        setattr(self.outputs[0], _BLUEPRINT, value)

    def _run_through_graph(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras 3.15: clone_model calls it with symbolic tensors; `call` does with real ones, too.
        outputs = super()._run_through_graph(inputs, *args, **kwargs)
        first = keras.tree.flatten(outputs)[0]
        if isinstance(first, keras.KerasTensor):
            setattr(first, _BLUEPRINT, self.blueprint)
        return outputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        if self.blueprint is not None:
            config["blueprint"] = self.blueprint.to_dict()
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ZooModel":
        config = dict(config)
        values = config.pop("blueprint", None)
        model = super().from_config(config, custom_objects=custom_objects)
        if values is not None:
            model.blueprint = Blueprint.from_dict(values)
        return model


def blueprint_of(model: Any) -> Blueprint | None:
    """The blueprint that `create_model` left on `model`, or `None` for any other model."""
    return getattr(model, "blueprint", None)
