"""`verify`: is a published version still what was blessed?"""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from .blessing import Blessing
from .checks import Checks, check_data
from .errors import ExportError
from .format_files import formats_in
from .formats import judge
from .gates import Candidate, GateResult, run_gates
from .predictor import open_version

__all__ = ["verify"]


def verify(
    directory: str | os.PathLike[str],
    version: int,
    checks: Checks = Checks(),  # noqa: B008
) -> tuple[GateResult, ...]:
    """Judges a published version once more, by its checksums and by every gate that needs no model.

    Formats are asked in their own runtimes and compared with the SavedModel: the exact ones in any
    case, approximations on the data of `checks`, if there is any. Keras is not needed for it. The
    checksums come first: nothing is loaded of which a byte was changed.

    Args:
        directory: the parent of the versions.
        version: its number.
        checks: data to be judged by, and another SavedModel to be as fast as.

    Returns:
        What the gates found, `checksums` first.

    Raises:
        FileNotFoundError: there is no such version.
        ExportError: it has no valid blessing, a file was changed, removed or added, there is a
            link, the runtime of a format is missing, or a gate is not passed, where the message
            begins with `gate` and its name.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory)
    >>> [result.name for result in exports.verify(directory, published.version)][:3]
    ['checksums', 'purity', 'determinism']
    """
    path = Path(directory, str(version))
    if not path.is_dir():
        raise FileNotFoundError(
            f"Expected a version in {directory}. Received: {version}, not there"
        )
    blessing = Blessing.read(path)
    blessing.check_contents(path)
    same = GateResult("checksums", True, f"{len(blessing.files)} files are as they were blessed")
    try:
        predictor = open_version(path)
    except ValueError as error:
        raise ExportError(f"gate loading: {error}") from error
    check_data(checks.data, predictor.inputs, predictor.class_names)
    candidate = Candidate(path, predictor, precision=blessing.precision, **vars(checks))
    return (same, *run_gates(candidate), *_formats(candidate))


def _formats(candidate: Candidate) -> Iterator[GateResult]:
    """Each format is to answer as the SavedModel does."""
    predictor = candidate.predictor
    asked = dataclasses.replace(
        candidate,
        expected=lambda features: predictor.predict(features)["probabilities"],
        class_names=predictor.class_names,
    )
    for name in formats_in(candidate.path):
        yield from judge(name, asked)
