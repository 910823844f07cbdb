"""`Blueprint`: the arguments of `create_model`, and `ZooModel`, the model that carries them."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import keras

from ...core.model_graph import Functional
from ..regularization import Regularization
from ..tasks import Task

_BLUEPRINT = "_occam_blueprint"


@dataclass(frozen=True)
class Blueprint:
    """The resolved arguments of `create_model`: the same blueprint gives the same model.

    A model of the zoo has its blueprint as an attribute, which is saved with the model and kept by
    `clone_model`, `copy.deepcopy` and `zoo.regularize`. `zoo.train` reads it. Import
    `occam.zoo.models` before `keras.saving.load_model`.

    Args:
        task: What the targets are.
        regularization: A `Regularization`, no longer the name of a tier.
        options: All options of the architecture. Lists become tuples.
        surgery: The later calls of `zoo.regularize` on the model.

    See `create_model` for the other arguments.
    """

    name: str
    input_shape: tuple[int, ...]
    task: Task
    regularization: Regularization
    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    weights: str | None = None
    surgery: tuple[str, ...] = ()

    def __post_init__(self):
        # JSON has no tuples, but a loaded blueprint must equal the saved one.
        object.__setattr__(self, "options", {n: _frozen(v) for n, v in self.options.items()})

    @property
    def num_classes(self) -> int:
        """The number of outputs."""
        return self.task.units

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Blueprint":
        """Create a blueprint from the output of `to_dict`, also after a round trip through JSON."""
        parsed = {
            "task": Task.from_dict(values["task"]),
            "regularization": Regularization.from_dict(values["regularization"]),
            "input_shape": tuple(values["input_shape"]),
            "surgery": tuple(values.get("surgery", ())),
        }
        return cls(**{**values, **parsed})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, without an empty `surgery`."""
        values = {**dataclasses.asdict(self), "task": self.task.to_dict()}
        if not self.surgery:  # for runs that were started before this field existed
            del values["surgery"]
        return values


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


@keras.saving.register_keras_serializable(package="occam")
class ZooModel(Functional):
    """A functional model with its `Blueprint`, which copies keep.

    Saving, pickling and `copy.deepcopy` use the config. `keras.models.clone_model` keeps only the
    output tensors and the name, so the blueprint is an attribute of an output tensor.
    """

    @property
    def blueprint(self) -> Blueprint | None:
        """The blueprint of the model."""
        return getattr(self.outputs[0], _BLUEPRINT, None)

    @blueprint.setter
    def blueprint(self, value: Blueprint | None) -> None:
        setattr(self.outputs[0], _BLUEPRINT, value)

    def _run_through_graph(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        # Keras 3.15: clone_model calls it with symbolic tensors, `call` also with real ones.
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
    """Return the blueprint of a model from `create_model`, or `None` for any other model."""
    return getattr(model, "blueprint", None)
