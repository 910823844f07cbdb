"""The figures of an evaluation for the card of an export, if it is of the same weights."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...core.checks import message

FILE = Path("evaluation", "evaluation.json")  # in the directory of a run, by `occam evaluate`
_OF_ROBUSTNESS = ("epsilon", "norm", "rows", "accuracy")
_OF_CONFORMAL = ("target", "coverage", "size", "calibrated_on", "calibration_rows")


def weights_digest(model: keras.Model) -> str:
    """Return the SHA-256 of the values of all weights, in their order.

    The states of random generators, which prediction does not read, do not count.
    """
    digest = hashlib.sha256()
    for weight in model.weights:
        array = np.asarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def figures_of_evaluation(
    evaluation: Any, model: keras.Model, directory: Path | None
) -> dict[str, Any] | None:
    """Return the figures of an evaluation of a model; `None` if there is no evaluation.

    Args:
        evaluation: A `zoo.Evaluation`, or `None` for the file in `directory`.
        model: The model that is exported.
        directory: The directory of the run.

    Raises:
        TypeError: If `evaluation` is something else.
        ValueError: If it is of a model with other weights.
    """
    source, advice = "`evaluation`", "Call zoo.evaluate(run, data) again"
    if evaluation is None:
        if directory is None or not (directory / FILE).exists():
            return None
        source = str(directory / FILE)
        advice = f"Run `occam evaluate {directory}` again, or delete the file"
        values = json.loads((directory / FILE).read_text("utf-8"))
    elif hasattr(evaluation, "to_dict"):
        values = evaluation.to_dict()
    else:
        raise TypeError(message("evaluation", evaluation, "a zoo.Evaluation or None"))
    found, expected = values.get("weights_digest"), weights_digest(model)
    if found != expected:
        raise ValueError(
            f"{source} must be of the weights that are exported, with the digest {expected[:12]}. "
            f"Received: {str(found)[:12]}. {advice}"
        )
    calibration, robustness = values["calibration"] or {}, values["robustness"] or {}
    return {
        **{name: values[name] for name in ("data", "part", "rows", "scores", "gap")},
        "calibration": {name: each for name, each in calibration.items() if name != "bins"},
        "conformal": {
            method: {name: each[name] for name in _OF_CONFORMAL}
            for method, each in values["conformal"].items()
        },
        "robustness": {name: robustness[name] for name in _OF_ROBUSTNESS if name in robustness},
    }


def note_on_export(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Return what an export changes in the answers that were evaluated, as a fact for its card."""
    changed = [
        f"`{name}`"
        for name, default in (("temperature", 1.0), ("thresholds", None))
        if arguments.get(name, default) != default
    ]
    return {"note": f"without the {' and '.join(changed)} of this export"} if changed else {}
