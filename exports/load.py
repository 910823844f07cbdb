"""`load`: a published version as a predictor."""

import os

from ..core.checks import message
from .blessing import Blessing
from .errors import ExportError
from .formats import open_format
from .predictor import Predictor
from .publishing import existing, labels, versions
from .saved_model import open_version


def load(
    directory: str | os.PathLike[str],
    version: int | None = None,
    *,
    label: str | None = None,
    format: str | None = None,
    verify: bool = False,
    blessed: bool = True,
) -> Predictor:
    """Load an exported model, without importing Keras.

    Args:
        directory: The parent of the versions, as in `export`.
        version: The number of the version; by default, the latest.
        label: The label of the version, instead of its number.
        format: Another exported format, such as `"onnx"`. Its own runtime answers instead of
            TensorFlow, and only for `serving_default`.
        verify: Whether to compare the checksums of all files with `blessing.json` first.
        blessed: Whether to require a valid `blessing.json`, the record of the passed checks.

    Raises:
        FileNotFoundError: If the directory, or the version in it, does not exist.
        ExportError: If the version has no valid blessing, a file was added or removed, or with
            `verify` changed, TensorFlow cannot load it, no version has the label, or the format is
            missing or its runtime not installed.
        ValueError: If `export` did not write the SavedModel, or both a version and a label are set.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, class_names=["ant", "bee", "cat"])
    >>> predictor = exports.load(directory)
    >>> predictor.predict([[0.0, 0.0]])["label"]
    array(['ant'], dtype='<U3')
    """
    root = existing(directory)
    found = versions(root)
    if not found:
        raise FileNotFoundError(f"Could not load from {root}: it has no version 1, 2, ...")
    if label is not None:
        if version is not None:
            received = f"version={version!r}, label={label!r}"
            raise ValueError(f"Pass either `version` or `label`. Received: {received}")
        given = labels(root)
        if label not in given:
            raise ExportError(message("label", label, f"one of the labels {sorted(given)}"))
        version = given[label]
    chosen = found[-1] if version is None else version
    if chosen not in found:
        raise FileNotFoundError(message("version", chosen, f"one of {found} in {root}"))
    path = root / str(chosen)
    if blessed or verify:
        blessing = Blessing.read(path)
        blessing.check_contents(path) if verify else blessing.check_names(path)
    return open_version(path, chosen) if format is None else open_format(path, format, chosen)
