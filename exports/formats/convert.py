"""`convert`: a candidate in other formats, each judged in its own runtime."""

import functools
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from ..errors import ExportError
from ..gates import Candidate, GateResult
from ..saved_model import CLASS_NAMES, FOLDER
from ..servable import SIGNATURE, Servable, Traceable
from ..signatures.signature import numbers
from .format import Format
from .judge import judge

if TYPE_CHECKING:
    from ..classifier import Classifier

__all__ = ["check_formats", "convert"]


def check_formats(
    formats: Sequence[Format], specs: Mapping[str, tf.TensorSpec], data: Any | None
) -> None:
    """Refuses what cannot be written or judged, before anything expensive is done.

    Args:
        formats: that are asked for.
        specs: the inputs by name.
        data: what the export is judged by, or None.

    Raises:
        ExportError: a package is missing, an input is text, or there is no data to judge an
            approximate format by.
        ValueError, TypeError: the data for a calibration does not fit the inputs.
    """
    for format in formats:
        format.check(specs)
        if format.approximate and data is None:
            raise ExportError(
                f"format {format.name}: Expected checks=Checks(data=(features, labels)), by which "
                "an approximation is judged. Received: no data"
            )


def convert(
    formats: Sequence[Format], classifier: "Classifier", candidate: Candidate
) -> tuple[GateResult, ...]:
    """Writes each format into `formats/<name>/` of the candidate, and asks the gates.

    Args:
        formats: what to write.
        classifier: what is written.
        candidate: the staged version, and what it is judged by.

    Raises:
        ExportError: a format cannot be written or is not passed by a gate; the message names both.
    """
    if not formats:
        return ()
    folder = candidate.path / FOLDER
    with tempfile.TemporaryDirectory() as plain:
        _numbers(classifier).save(plain)
        for format in formats:
            _write(format, Path(plain), folder / format.name)
    (folder / CLASS_NAMES).write_text(json.dumps(classifier.class_names) + "\n", "utf-8")
    return tuple(result for format in formats for result in judge(format.name, candidate))


def _numbers(classifier: "Classifier") -> Servable:
    """`serving_default` without the labels: LiteRT and OpenVINO have no text."""
    answer = functools.partial(numbers, classifier)
    signatures = {SIGNATURE: Traceable(answer, classifier.inputs.specs)}
    return Servable(signatures, classifier.class_names, classifier.variables)


def _write(format: Format, saved_model: Path, directory: Path) -> None:
    directory.mkdir(parents=True)
    try:
        format.write(saved_model, directory)
    except Exception as error:  # of whatever kind the converters raise
        raise ExportError(
            f"format {format.name}: Expected a model that it has operations for. Received: "
            f"{type(error).__name__}: {_short(str(error))}"
        ) from error


def _short(text: str) -> str:
    """An error of TensorFlow's compiler without its notes and places, which fill a page."""
    text = re.sub(r"<unknown>:0: note: .*", "", text)
    text = re.sub(r"<unknown>:0: error: (loc\(.*?\)+: (error: )?)?", "", text)
    return " ".join(text.split())[:500]
