"""Conversion of a candidate to other formats, each judged in its own runtime."""

import dataclasses
import functools
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ExportError
from ..gates import ExportCandidate, GateResult, gates_for, run_gates
from ..saved_model import CLASS_NAMES, FOLDER
from ..servable import SIGNATURE, Servable, Traceable
from ..signatures.signature import numbers
from .format import Format, precision_of
from .reading import open_format

if TYPE_CHECKING:
    from ..classifier import Classifier


def check_formats(
    formats: Sequence[Format], specs: Mapping[str, tf.TensorSpec], data: Any | None
) -> None:
    """Raise an error for formats that cannot be written or judged, before any expensive work.

    Raises:
        ExportError: If a package is missing, an input is text, or there is no data to judge an
            approximate format by.
        ValueError, TypeError: If the data for a calibration does not fit the inputs.
    """
    for format in formats:
        format.check(specs)
        if format.approximate and data is None:
            raise ExportError(
                f"format {format.name}: Expected checks=Checks(data=(features, labels)) to judge "
                "an approximation by. Received: no data"
            )


def convert(
    formats: Sequence[Format], classifier: "Classifier", candidate: ExportCandidate
) -> tuple[GateResult, ...]:
    """Write each format of a classifier into `formats/<name>/` of a candidate, and judge it.

    Raises:
        ExportError: If a format cannot be written or fails a gate; the message names both.
    """
    if not formats:
        return ()
    folder = candidate.path / FOLDER
    # `serving_default` without labels, since LiteRT and OpenVINO have no text
    answer = functools.partial(numbers, classifier)
    signatures = {SIGNATURE: Traceable(answer, classifier.inputs.specs)}
    servable = Servable(signatures, classifier.class_names, classifier.variables)
    with tempfile.TemporaryDirectory() as saved_model:
        servable.save(saved_model)
        for format in formats:
            _write(format, Path(saved_model), folder / format.name)
    (folder / CLASS_NAMES).write_text(json.dumps(classifier.class_names) + "\n", "utf-8")
    return tuple(result for format in formats for result in judge(format.name, candidate))


def _write(format: Format, saved_model: Path, directory: Path) -> None:
    directory.mkdir(parents=True)
    try:
        format.write(saved_model, directory)
    except Exception as error:  # converters raise errors of any kind
        # drop the notes and locations of TensorFlow's compiler, which fill a page
        text = re.sub(r"<unknown>:0: note: .*", "", str(error))
        text = re.sub(r"<unknown>:0: error: (loc\(.*?\)+: (error: )?)?", "", text)
        raise ExportError(
            f"format {format.name}: Expected a model with operations that the format supports. "
            f"Received: {type(error).__name__}: {' '.join(text.split())[:500]}"
        ) from error


def judge(name: str, candidate: ExportCandidate) -> tuple[GateResult, ...]:
    """Run the gates on one format of a version; their results are named `<format>/<gate>`.

    Raises:
        ExportError: If the runtime is missing or cannot open the format, or a gate fails.
    """
    precision = precision_of(name)
    exact = precision == "float32"
    judged = dataclasses.replace(
        candidate,
        predictor=open_format(candidate.path, name),
        precision=candidate.precision if exact else precision,
        live=None,  # the SavedModel is compared with it
    )
    gates = gates_for("exact_format" if exact else "approximate_format")
    return run_gates(judged, gates, format=name)
