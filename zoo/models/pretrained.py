"""Weights in the package, such as `create_model("cnn1d", ..., weights="mnist1d")`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import NoneType
from typing import Any

import keras
import numpy as np

from ...core.checks import check_type, message

DIRECTORY = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Pretrained:
    """The description of a file of weights.

    Args:
        model: The name of the model.
        data: The name of the training data; features are as `load_data` returns them.
        input_shape: The shape of one sample.
        num_classes: The number of logits.
        options: The options of the architecture.
        accuracy: The accuracy on the test data, in [0, 1].
        recipe: The script in `examples/recipes` that trained them.
        sha256: The checksum of the file.
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
        """The path of the weights."""
        return DIRECTORY / f"{self.model}-{self.data}.npz"


def list_weights(model: str | None = None) -> tuple[Pretrained, ...]:
    """Return the weights in the package, of all models or of one.

    Example:

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
    """Load the weights of model `name` for data set `data` into a new model."""
    known = {weights.data: weights for weights in list_weights(name)}
    if data not in known:
        expected = f"the data set of weights of model {name!r}: {', '.join(known) or 'none'}"
        raise ValueError(message("weights", data, expected))
    weights, blueprint = known[data], model.blueprint
    for field in ("input_shape", "num_classes", "options"):
        expected, received = getattr(weights, field), getattr(blueprint, field)
        if json.dumps(expected, sort_keys=True) != json.dumps(received, sort_keys=True):
            expected = f"{expected} for the weights {data!r} of model {name!r}"
            raise ValueError(message(field, received, expected))
    if _digest(weights.file) != weights.sha256:
        raise ValueError(
            f"Could not load {weights.file}: its SHA-256 is not {weights.sha256}. Reinstall Occam."
        )
    variables = _named_weights(model)
    with np.load(weights.file, allow_pickle=False) as arrays:
        for key in sorted({*arrays.files, *variables}):
            variables[key].assign(arrays[key])


def save_weights(model: keras.Model, data: str, *, accuracy: float, recipe: str) -> Pretrained:
    """Write the weights of a trained model into the package; see `Pretrained` for the arguments."""
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
    """Return the weights by names that do not depend on the regularization.

    Layers are numbered within their class in the order of creation, without the random layers.
    """
    by_class: dict[str, list[Any]] = {}
    for layer in model._flatten_layers(include_self=False, recursive=True):
        random = type(layer).__module__.startswith("occam.zoo.layers")
        if layer._trainable_variables and not random:
            by_class.setdefault(type(layer).__name__, []).append(layer)
    return {
        f"{kind}/{number}/{weight.name}": weight
        for kind, layers in by_class.items()
        for number, layer in enumerate(sorted(layers, key=_creation_order))
        for weight in (
            *layer._trainable_variables,
            # the statistics of normalization
            *(v for v in layer._non_trainable_variables if v.name.startswith("moving_")),
        )
    }


def _creation_order(layer: keras.layers.Layer) -> tuple[bool, int, str]:
    """Return a key that sorts by creation; layers without an automatic name come last."""
    suffix = layer.name.rpartition("_")[2]
    number = int(suffix) if suffix.isdigit() else 0
    base = layer.name.removesuffix(f"_{number}").replace("_", "")
    return (base != type(layer).__name__.lower(), number, layer.name)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
