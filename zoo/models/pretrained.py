"""Small weights that ship with the package: `create_model(..., weights="mnist1d")`."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

__all__ = ["Pretrained", "list_weights", "load_weights", "save_weights"]

DIRECTORY = Path(__file__).parent / "weights"


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
        return DIRECTORY / f"{self.model}-{self.data}.weights.h5"


def list_weights(model: str | None = None) -> tuple[Pretrained, ...]:
    """All weights that ship with the package, or those of one model.

    >>> sorted(weights.data for weights in list_weights("cnn1d"))
    ['mnist1d']
    """
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
        if json.dumps(expected) != json.dumps(received):
            raise ValueError(
                f"The weights {data!r} of model {name!r} need {field}={expected}. "
                f"Received: {field}={received}"
            )
    if _digest(weights.file) != weights.sha256:
        raise ValueError(
            f"{weights.file} is damaged: its SHA-256 is {_digest(weights.file)}. "
            f"Expected: {weights.sha256}"
        )
    model.load_weights(weights.file)


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
        "options": blueprint.options,
        "accuracy": round(float(accuracy), 4),
        "recipe": recipe,
    }
    file = Pretrained(**about, sha256="").file
    model.save_weights(file)
    weights = Pretrained(**about, sha256=_digest(file))
    path = DIRECTORY / f"{weights.model}-{data}.json"
    path.write_text(json.dumps(asdict(weights), indent=2) + "\n")
    return weights


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
