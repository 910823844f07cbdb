"""Small weights that ship with the package: `create_model(..., weights="mnist1d")`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import keras
import numpy as np

from ...core.checks import check_type

__all__ = ["Pretrained", "list_weights", "load_weights", "save_weights"]

DIRECTORY = Path(__file__).parent / "weights"
_RANDOM = "occam.zoo.layers"


@dataclass(frozen=True)
class Pretrained:
    """What is known of a file of weights.

    Args:
        model: the name of the model.
        data: the data set that it was trained on, as `load_data` knows it; the weights take
            features as `load_data` gives them, standardized.
        input_shape: shape of one sample.
        num_classes: number of logits.
        options: the architecture's own options.
        accuracy: on the data set's test part, in [0, 1].
        recipe: the script under `examples/recipes` that made it.
        sha256: of the file.
    """

    model: str
    data: str
    input_shape: tuple[int, ...]
    num_classes: int
    options: Mapping[str, Any]
    accuracy: float
    recipe: str
    sha256: str

    @property
    def file(self) -> Path:
        """Where the weights are."""
        return DIRECTORY / f"{self.model}-{self.data}.npz"


def list_weights(model: str | None = None) -> tuple[Pretrained, ...]:
    """All weights that ship with the package, or those of one model.

    >>> sorted(weights.data for weights in list_weights("cnn1d"))
    ['mnist1d']
    """
    check_type("model", model, (str, NoneType), "the name of a model or None")
    found = []
    for path in sorted(DIRECTORY.glob("*.json")):
        values = json.loads(path.read_text())
        found.append(Pretrained(**{**values, "input_shape": tuple(values["input_shape"])}))
    return tuple(weights for weights in found if model in (None, weights.model))


def load_weights(model: keras.Model, name: str, data: str) -> None:
    """Loads the weights that ship for `data` into a new model.

    Args:
        model: with the same input shape, classes and options as the weights were made with.
        name: its name in the zoo.
        data: the data set that the weights were trained on.

    Raises:
        ValueError: there are none for this data set, they were made for another input shape,
            number of classes or options, or the file is not what its checksum says.
    """
    known = {weights.data: weights for weights in list_weights(name)}
    if data not in known:
        there = ", ".join(known) or "none"
        raise ValueError(f"Model {name!r} has weights for: {there}. Received: weights={data!r}")
    weights, blueprint = known[data], model.blueprint
    for field in ("input_shape", "num_classes", "options"):
        expected, received = getattr(weights, field), getattr(blueprint, field)
        if _json(expected) != _json(received):
            raise ValueError(
                f"The weights {data!r} of model {name!r} need {field}={expected}. "
                f"Received: {field}={received}"
            )
    if _digest(weights.file) != weights.sha256:
        raise ValueError(
            f"{weights.file} is damaged: its SHA-256 is {_digest(weights.file)}. "
            f"Expected: {weights.sha256}"
        )
    variables = _named_weights(model)
    with np.load(weights.file, allow_pickle=False) as arrays:
        for key in sorted({*arrays.files, *variables}):
            variables[key].assign(arrays[key])


def save_weights(model: keras.Model, data: str, *, accuracy: float, recipe: str) -> Pretrained:
    """Writes weights into the package, as a recipe does with `--save`.

    Args:
        model: made by `create_model`, trained.
        data: the data set that it was trained on.
        accuracy: measured on its test part.
        recipe: the script's name.
    """
    blueprint = model.blueprint
    DIRECTORY.mkdir(exist_ok=True)
    about = {
        "model": blueprint.name,
        "data": data,
        "input_shape": blueprint.input_shape,
        "num_classes": blueprint.num_classes,
        "options": json.loads(json.dumps(blueprint.options)),
        "accuracy": round(float(accuracy), 4),
        "recipe": recipe,
    }
    file = Pretrained(**about, sha256="").file
    np.savez(file, **{name: np.asarray(v) for name, v in _named_weights(model).items()})
    weights = Pretrained(**about, sha256=_digest(file))
    path = DIRECTORY / f"{weights.model}-{data}.json"
    path.write_text(json.dumps(asdict(weights), indent=2) + "\n")
    return weights


def _named_weights(model: keras.Model) -> dict[str, Any]:
    """The weights of an architecture, by names that do not depend on its regularization.

    Layers that drop or add noise are passed over. The others are numbered class by class in the
    order in which they were made; Keras numbers their names through the whole process.
    """
    by_class: dict[str, list[Any]] = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        if layer._trainable_variables and not type(layer).__module__.startswith(_RANDOM):
            by_class.setdefault(type(layer).__name__, []).append(layer)
    return {
        f"{kind}/{number}/{weight.name}": weight
        for kind, layers in by_class.items()
        for number, layer in enumerate(sorted(layers, key=_made))
        for weight in (*layer._trainable_variables, *_statistics(layer))
    }


def _made(layer: keras.layers.Layer) -> tuple[bool, int, str]:
    """Sorts layers of a class as they were made; those with a name of their own come last."""
    suffix = layer.name.rpartition("_")[2]
    number = int(suffix) if suffix.isdigit() else 0
    base = layer.name.removesuffix(f"_{number}").replace("_", "")
    return (base != type(layer).__name__.lower(), number, layer.name)


def _statistics(layer: keras.layers.Layer) -> list[Any]:
    """The moving averages of a normalization."""
    return [v for v in layer._non_trainable_variables if v.name.startswith("moving_")]


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
