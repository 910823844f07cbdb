"""Labels: names for versions, such as `stable`, that can be moved and moved back."""

import json
import os
import re
from pathlib import Path
from typing import Any

from ..blessing import Blessing
from ..errors import ExportError
from .locking import locked, replace_json
from .publish import versions

__all__ = ["check_label", "earlier", "labels", "models_config", "promote", "rollback"]

_LABELS, _EARLIER = "labels.json", "promotions.json"
_NAME = re.compile(r"[A-Za-z][\w.-]*", re.ASCII)


def labels(directory: str | os.PathLike[str]) -> dict[str, int]:
    """Label to version, as `labels.json` says; empty where nothing was promoted.

    Raises:
        ExportError: the file is not what `promote` writes.
    """
    content = _read(Path(directory, _LABELS))
    if not all(type(version) is int for version in content.values()):  # a bool is none
        raise ExportError(f"Expected label to version in {_LABELS}. Received: {content}")
    return content


def earlier(directory: str | os.PathLike[str]) -> dict[str, list[int]]:
    """Label to the versions that had it before, the last one last."""
    return _read(Path(directory, _EARLIER))


def check_label(label: str) -> None:
    """Refuses what is no label.

    Raises:
        ValueError: as said.
    """
    if not _NAME.fullmatch(label):
        raise ValueError(
            f"label must be letters, digits, _, . and -, a letter first. Received: label={label!r}"
        )


def promote(directory: str | os.PathLike[str], version: int, label: str = "stable") -> None:
    """Gives a label to a version; whatever had it before has it no more.

    `labels.json` changes in one step, and who is killed on the way leaves it as it was.

    Args:
        directory: the parent of the versions.
        version: a blessed one.
        label: letters, digits, `_`, `.` and `-`, a letter first.

    Raises:
        FileNotFoundError: no such directory, or no such version in it.
        ExportError: it has no valid blessing.
        ValueError: `label` is no such name.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> for _ in range(2):
    ...     exports.promote(directory, exports.export(model, directory).version)
    >>> exports.labels(directory)
    {'stable': 2}
    >>> exports.rollback(directory)
    1
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
            replace_json(directory / _EARLIER, {**before, label: [*stack, now[label]]})
        replace_json(directory / _LABELS, {**now, label: version})


def rollback(directory: str | os.PathLike[str], label: str = "stable") -> int:
    """Gives a label back to the version that had it before, and returns that version.

    Raises:
        FileNotFoundError: no such directory.
        ExportError: no version had it before that still exists.
    """
    directory = Path(directory)
    with locked(directory):
        now, before = labels(directory), earlier(directory)
        found = versions(directory)
        # The present one is on the stack if somebody was killed between the two files.
        stack = [v for v in before.get(label, []) if v in found and v != now.get(label)]
        if not stack:
            raise ExportError(
                f"Expected a version that was {label!r} before. Received: none in {directory}"
            )
        replace_json(directory / _LABELS, {**now, label: stack[-1]})
        replace_json(directory / _EARLIER, {**before, label: stack[:-1]})
    return stack[-1]


def models_config(
    directory: str | os.PathLike[str], name: str, base_path: str | None = None
) -> str:
    """The text of a `models.config` for TensorFlow Serving: the labelled versions, or the latest.

    Start the server with `--allow_version_labels_for_unavailable_models`, without which it takes
    no label on its first load.

    Args:
        directory: the parent of the versions.
        name: of the model, as requests say it.
        base_path: where the server sees `directory`; its absolute path by default.
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
