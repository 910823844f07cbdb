"""Labels: names of versions, such as `stable`, that can be moved and moved back."""

import json
import os
import re
from pathlib import Path
from typing import Any

from ...core.checks import message
from ..blessing import Blessing
from ..errors import ExportError
from .publish import fsync, hidden, locked, versions

_LABELS, _PREVIOUS = "labels.json", "promotions.json"
_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)


def promote(directory: str | os.PathLike[str], version: int, label: str = "stable") -> None:
    """Give a label to a version, and take it from the version that had it.

    `labels.json` is replaced in one step, or stays as it was if the process is killed.

    Args:
        directory: The parent of the versions.
        version: The number of a blessed version.
        label: A name of letters, digits, `_`, `.` and `-`, a letter first.

    Raises:
        FileNotFoundError: If the directory or the version does not exist.
        ExportError: If the version has no valid blessing.
        ValueError: If `label` is not such a name.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, task="classification")
    >>> exports.promote(directory, published.version)
    >>> exports.labels(directory)
    {'stable': 1}
    """
    directory = Path(directory)
    check_label(label)
    with locked(directory):
        if version not in (found := versions(directory)):
            expected = f"one of {found}, the versions in {directory}"
            raise FileNotFoundError(message("version", version, expected))
        path = directory / str(version)
        Blessing.read(path).check_names(path)
        current, previous = labels(directory), previous_labels(directory)
        if current.get(label) == version:
            return
        if label in current:
            stack = [v for v in previous.get(label, []) if v in found]
            _replace(directory / _PREVIOUS, {**previous, label: [*stack, current[label]]})
        _replace(directory / _LABELS, {**current, label: version})


def rollback(directory: str | os.PathLike[str], label: str = "stable") -> int:
    """Give a label back to the version that had it before, and return the number of that version.

    Raises:
        FileNotFoundError: If the directory does not exist.
        ExportError: If no version that still exists had the label before.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> for _ in range(2):
    ...     published = exports.export(model, directory, task="classification")
    ...     exports.promote(directory, published.version)
    >>> exports.rollback(directory)
    1
    """
    directory = Path(directory)
    with locked(directory):
        current, previous = labels(directory), previous_labels(directory)
        found = versions(directory)
        # the current version is on the stack if a process was killed between the two files
        stack = [v for v in previous.get(label, []) if v in found and v != current.get(label)]
        if not stack:
            raise ExportError(f"No version in {directory} had the label {label!r} before.")
        _replace(directory / _LABELS, {**current, label: stack[-1]})
        _replace(directory / _PREVIOUS, {**previous, label: stack[:-1]})
    return stack[-1]


def labels(directory: str | os.PathLike[str]) -> dict[str, int]:
    """Return the version of each label in `labels.json`; empty if nothing was promoted.

    Raises:
        ExportError: If `promote` did not write the file.

    Example:

    >>> import pathlib, tempfile
    >>> from occam import exports
    >>> directory = pathlib.Path(tempfile.mkdtemp())
    >>> written = (directory / "labels.json").write_text('{"stable": 2}')
    >>> exports.labels(directory)
    {'stable': 2}
    """
    content = _read(path := Path(directory, _LABELS))
    if not all(type(version) is int for version in content.values()):  # no bool
        raise ExportError(f"Could not read {path}: a version is not an integer.")
    return content


def models_config(
    directory: str | os.PathLike[str], name: str, base_path: str | None = None
) -> str:
    """Return a `models.config` for TensorFlow Serving with the labeled versions, or the latest.

    The server needs `--allow_version_labels_for_unavailable_models` to accept labels at its start.

    Args:
        directory: The parent of the versions.
        name: The name of the model in requests.
        base_path: The path of `directory` on the server. Defaults to its absolute path here.

    Example:

    >>> import tempfile
    >>> from occam import exports
    >>> print(exports.models_config(tempfile.mkdtemp(), "iris", "/models/iris"))
    model_config_list {
      config {
        name: "iris"
        base_path: "/models/iris"
        model_platform: "tensorflow"
      }
    }
    <BLANKLINE>
    """
    by_label = labels(directory)
    base_path = base_path or str(Path(directory).resolve())
    lines = [
        f"name: {json.dumps(name)}",
        f"base_path: {json.dumps(base_path)}",
        'model_platform: "tensorflow"',
    ]
    if by_label:
        numbers = " ".join(f"versions: {version}" for version in sorted(set(by_label.values())))
        lines.append(f"model_version_policy {{ specific {{ {numbers} }} }}")
    for label, version in sorted(by_label.items()):
        lines.append(f"version_labels {{ key: {json.dumps(label)} value: {version} }}")
    inner = "\n".join(f"    {line}" for line in lines)
    return f"model_config_list {{\n  config {{\n{inner}\n  }}\n}}\n"


def previous_labels(directory: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Return the previous versions of each label, oldest first."""
    return _read(Path(directory, _PREVIOUS))


def check_label(label: str) -> None:
    """Raise a `ValueError` unless `label` is a valid name."""
    if not _NAME.fullmatch(label):
        raise ValueError(message("label", label, "letters, digits, _, . and -, a letter first"))


def _read(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        raise ExportError(f"Could not read {path}: it is a link.")
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ExportError(f"Could not read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ExportError(f"Could not read {path}: it is not a JSON object.")
    return content


def _replace(path: Path, content: Any) -> None:
    """Replace a file in one step; without `locked`, the temporary file may be removed."""
    temporary = hidden(path.parent)
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
    fsync(temporary)
    temporary.replace(path)
    fsync(path.parent)
