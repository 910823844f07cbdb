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

_LABELS, _EARLIER = "labels.json", "promotions.json"
_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)


def promote(directory: str | os.PathLike[str], version: int, label: str = "stable") -> None:
    """Give a label to a version, and take it from the version that had it.

    `labels.json` changes in one step; a process that is killed on the way leaves it as it was.

    Args:
        directory: Parent of the versions.
        version: Number of a blessed version.
        label: Name of letters, digits, `_`, `.` and `-`, a letter first.

    Raises:
        FileNotFoundError: If there is no such directory, or no such version in it.
        ExportError: If the version has no valid blessing.
        ValueError: If `label` is not such a name.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> exports.promote(directory, exports.export(model, directory).version)
    >>> exports.labels(directory)
    {'stable': 1}
    """
    directory = Path(directory)
    check_label(label)
    with locked(directory):
        if version not in (found := versions(directory)):
            raise FileNotFoundError(
                f"Expected one of the versions {found} in {directory}. Received: {version!r}"
            )
        path = directory / str(version)
        Blessing.read(path).check_names(path)
        now, before = labels(directory), earlier(directory)
        if now.get(label) == version:
            return
        if label in now:
            stack = [v for v in before.get(label, []) if v in found]
            _replace(directory / _EARLIER, {**before, label: [*stack, now[label]]})
        _replace(directory / _LABELS, {**now, label: version})


def rollback(directory: str | os.PathLike[str], label: str = "stable") -> int:
    """Give a label back to the version that had it before, and return the number of that version.

    Raises:
        FileNotFoundError: If there is no such directory.
        ExportError: If no version that still exists had the label before.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> for _ in range(2):
    ...     exports.promote(directory, exports.export(model, directory).version)
    >>> exports.rollback(directory)
    1
    """
    directory = Path(directory)
    with locked(directory):
        now, before = labels(directory), earlier(directory)
        found = versions(directory)
        # the present version is on the stack if a process was killed between the two files
        stack = [v for v in before.get(label, []) if v in found and v != now.get(label)]
        if not stack:
            raise ExportError(
                f"Expected a version that was {label!r} before. Received: none in {directory}"
            )
        _replace(directory / _LABELS, {**now, label: stack[-1]})
        _replace(directory / _EARLIER, {**before, label: stack[:-1]})
    return stack[-1]


def labels(directory: str | os.PathLike[str]) -> dict[str, int]:
    """Return the version of each label, as `labels.json` says; empty if nothing was promoted.

    Raises:
        ExportError: If the file is not one that `promote` writes.

    Example:

    >>> import pathlib, tempfile
    >>> from occam import exports
    >>> directory = pathlib.Path(tempfile.mkdtemp())
    >>> written = (directory / "labels.json").write_text('{"stable": 2}')
    >>> exports.labels(directory)
    {'stable': 2}
    """
    content = _read(Path(directory, _LABELS))
    if not all(type(version) is int for version in content.values()):  # no bool
        raise ExportError(f"Expected label to version in {_LABELS}. Received: {content}")
    return content


def models_config(
    directory: str | os.PathLike[str], name: str, base_path: str | None = None
) -> str:
    """Return a `models.config` for TensorFlow Serving with the labelled versions, or the latest.

    Start the server with `--allow_version_labels_for_unavailable_models`; it refuses labels on its
    first load otherwise.

    Args:
        directory: Parent of the versions.
        name: Name of the model in requests.
        base_path: Path of `directory` on the server. Defaults to its absolute path here.

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
    given = labels(directory)
    lines = [
        f"name: {json.dumps(name)}",
        f"base_path: {json.dumps(base_path or str(Path(directory).resolve()))}",
        'model_platform: "tensorflow"',
    ]
    if given:
        numbers = " ".join(f"versions: {version}" for version in sorted(set(given.values())))
        lines.append(f"model_version_policy {{ specific {{ {numbers} }} }}")
    for label, version in sorted(given.items()):
        lines.append(f"version_labels {{ key: {json.dumps(label)} value: {version} }}")
    inner = "\n".join(f"    {line}" for line in lines)
    return f"model_config_list {{\n  config {{\n{inner}\n  }}\n}}\n"


def earlier(directory: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Return the versions that had each label before, the last one last."""
    return _read(Path(directory, _EARLIER))


def check_label(label: str) -> None:
    """Raise a `ValueError` unless `label` is a valid name."""
    if not _NAME.fullmatch(label):
        expected = "letters, digits, _, . and -, a letter first"
        raise ValueError(message("label", label, expected))


def _read(path: Path) -> dict[str, Any]:
    if path.is_symlink():
        raise ExportError(f"Expected a file. Received: {path}, a link")
    try:
        content = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ExportError(f"Expected JSON in {path}. Received: {error}") from error
    if not isinstance(content, dict):
        raise ExportError(f"Expected a JSON object in {path}. Received: {content!r}")
    return content


def _replace(path: Path, content: Any) -> None:
    """Write a file in one step, so that readers see the old content or the new.

    Call it within `locked`, which keeps the temporary file from being removed as a leftover.
    """
    temporary = hidden(path.parent)
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync(path.parent)
