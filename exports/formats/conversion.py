"""Conversion to other formats, and the gates on each of them in its own runtime."""

import dataclasses
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ExportError
from ..gates import ExportCandidate, GateResult, gates_for, run_gates
from ..heads import Head
from ..saved_model import FOLDER, HEAD
from ..servable import SIGNATURE, Servable, Traceable
from .format import Format, precision_of
from .reading import open_format

if TYPE_CHECKING:
    from ..served_model import ServedModel


def check_formats(
    formats: Sequence[Format], specs: Mapping[str, tf.TensorSpec], data: Any | None, head: Head
) -> None:
    """Raise an error for formats that cannot be written or checked, before any expensive work."""
    for format in formats:
        format.check(specs)
        if format.approximate and head.task == "outputs":
            raise ExportError(
                f"format {format.name}: `model` must have a task with a metric to check an "
                "approximate format. Received: a model of the task 'outputs'"
            )
        if format.approximate and data is None:
            raise ExportError(
                f"format {format.name}: `checks` must have data to check an approximate format. "
                "Received: data=None. Pass checks=Checks(data=(features, labels))"
            )


def convert(
    formats: Sequence[Format], served: "ServedModel", candidate: ExportCandidate
) -> tuple[GateResult, ...]:
    """Write a model in each format to `formats/<name>/` of a candidate; run its gates."""
    if not formats:
        return ()
    folder = candidate.path / FOLDER
    # `serving_default` without text, which LiteRT and OpenVINO do not have
    signatures = {SIGNATURE: Traceable(served.numbers, served.inputs.specs)}
    servable = Servable(signatures, served.head, served.variables)
    with tempfile.TemporaryDirectory() as saved_model:
        servable.save(saved_model)
        for format in formats:
            _write(format, Path(saved_model), folder / format.name)
    (folder / HEAD).write_text(json.dumps(served.head.to_dict()) + "\n", "utf-8")
    return tuple(result for f in formats for result in run_format_gates(f.name, candidate))


def _write(format: Format, saved_model: Path, directory: Path) -> None:
    directory.mkdir(parents=True)
    try:
        format.write(saved_model, directory)
    except Exception as error:  # converters raise errors of any kind
        # TensorFlow's compiler adds pages of notes and locations.
        text = re.sub(r"<unknown>:0: note: .*", "", str(error))
        text = re.sub(r"<unknown>:0: error: (loc\(.*?\)+: (error: )?)?", "", text)
        raise ExportError(
            f"format {format.name}: Could not convert the model: {type(error).__name__}: "
            f"{' '.join(text.split())[:500]}"
        ) from error


def run_format_gates(name: str, candidate: ExportCandidate) -> tuple[GateResult, ...]:
    """Run the gates on one format of a version; their results are named `<format>/<gate>`."""
    precision = precision_of(name)
    exact = precision == "float32"
    converted = dataclasses.replace(
        candidate,
        predictor=open_format(candidate.path, name),
        precision=candidate.precision if exact else precision,
        live=None,  # only the SavedModel is compared with it
    )
    gates = gates_for("exact_format" if exact else "approximate_format")
    return run_gates(converted, gates, format=name)
