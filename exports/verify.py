"""`verify`: run the gates on a published version again."""

import dataclasses
import os
from pathlib import Path

from .blessing import Blessing
from .checks import Checks, checked_data
from .errors import ExportError
from .formats import run_format_gates
from .gates import ExportCandidate, GateResult, run_gates
from .saved_model import formats_in, open_version


def verify(
    directory: str | os.PathLike[str],
    version: int,
    checks: Checks = Checks(),  # noqa: B008
) -> tuple[GateResult, ...]:
    """Check a published version by its checksums and by every gate that needs no Keras model.

    The checksums come first, so that no changed file is loaded. The other formats are run and
    compared with the SavedModel, the approximate ones only if `checks` has data.

    Args:
        directory: The parent of the versions.
        version: The number of the version.
        checks: Data for the gates, and a baseline model to compare the latency with.

    Returns:
        The results of the gates, `checksums` first.

    Raises:
        FileNotFoundError: If there is no such version.
        ExportError: If the version has no valid `blessing.json`, a file was changed, removed, added
            or replaced by a link, the runtime of a format is missing, or a gate fails.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> published = exports.export(model, tempfile.mkdtemp(), task="classification")
    >>> exports.verify(published.path.parent, published.version)[0].name
    'checksums'
    """
    path = Path(directory, str(version))
    if not path.is_dir():
        raise FileNotFoundError(f"Could not verify {path}: the directory does not exist.")
    blessing = Blessing.read(path)
    blessing.check_contents(path)
    same = GateResult("checksums", True, f"{len(blessing.files)} files are unchanged")
    try:
        predictor = open_version(path)
    except ValueError as error:
        raise ExportError(f"gate loading: {error}") from error
    checks = checked_data(checks, predictor.inputs, predictor.head)
    candidate = ExportCandidate(path, predictor, precision=blessing.precision, checks=checks)
    results = [same, *run_gates(candidate)]
    reference = dataclasses.replace(
        candidate,
        expected=predictor.predict,
        head=predictor.head,
    )
    for name in formats_in(path):
        results += run_format_gates(name, reference)
    return tuple(results)
