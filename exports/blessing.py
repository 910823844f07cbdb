"""`blessing.json`: the record of the checks that a version has passed, with its checksums."""

import contextlib
import datetime
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import ExportError, reason
from .gates import GateResult

_FILE = "blessing.json"
_NOT_HASHED = {_FILE, "export.json", "README.md"}
_FORMAT = 1


@dataclass(frozen=True)
class Blessing:
    """The record of the checks that a version has passed, as in its `blessing.json`.

    Args:
        files: SHA-256 of every file of the SavedModel, by its path in the version.
        gates: The results of the gates, all of them passed.
        created: The time in UTC, as ISO 8601.
        versions: The versions of Python and of the packages that wrote it.
        precision: The shortest float dtype in which the model computes.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> published = exports.export(model, tempfile.mkdtemp(), task="regression")
    >>> blessing = exports.Blessing.read(published.path)
    >>> [gate.name for gate in blessing.gates][:3]
    ['purity', 'determinism', 'state']
    >>> blessing.check_contents(published.path)
    """

    files: Mapping[str, str]
    gates: tuple[GateResult, ...]
    created: str
    versions: Mapping[str, str]
    precision: str = "float32"

    @classmethod
    def read(cls, path: Path) -> "Blessing":
        """Read the blessing of the version at `path`.

        Raises:
            ExportError: If it is missing or invalid.
        """
        file = path / _FILE
        if file.is_symlink() or not file.is_file():
            raise ExportError(f"Could not check {path}: it has no blessing.json.")
        try:
            blessing = _parsed(json.loads(file.read_text("utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise ExportError(f"Could not read {file}: {reason(error)}") from error
        if failed := [gate.name for gate in blessing.gates if not gate.passed]:
            raise ExportError(f"Could not accept {file}: it records the failed gates {failed}.")
        return blessing

    def check_names(self, path: Path) -> None:
        """Raise an `ExportError` if a file is missing, unknown or a link, without reading any."""
        found = set(_files(path))
        missing, unknown = sorted(self.files.keys() - found), sorted(found - self.files.keys())
        if missing or unknown:
            raise _spoilt(path, f"{missing} missing, {unknown} unknown")

    def check_contents(self, path: Path) -> None:
        """Raise an `ExportError` if a file has been changed, removed or added."""
        self.check_names(path)
        found = checksums(path)
        if changed := [name for name, digest in self.files.items() if found[name] != digest]:
            raise _spoilt(path, f"{changed} changed")

    def to_dict(self) -> dict[str, Any]:
        """Return the content of `blessing.json`."""
        return {"format": _FORMAT, **asdict(self)}


def bless(
    path: Path, gates: Sequence[GateResult], precision: str, packages: Iterable[str] = ()
) -> Blessing:
    """Write `blessing.json` for the files at `path`, with the versions of the used `packages`."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    blessing = Blessing(checksums(path), tuple(gates), now, _versions(packages), precision)
    text = json.dumps(blessing.to_dict(), indent=2, default=float)
    (path / _FILE).write_text(text + "\n", "utf-8")
    return blessing


def checksums(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a version but `blessing.json` and the card, by path."""
    digests = {}
    for name in _files(path):
        with (path / name).open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests


def _spoilt(path: Path, problem: str) -> ExportError:
    return ExportError(
        f"gate checksums: the files of {path} differ from its blessing.json: {problem}"
    )


def _files(path: Path) -> list[str]:
    if path.is_symlink():
        raise _spoilt(path, f"{path} is a link")
    found = []
    for parent, directories, names in os.walk(path):
        for name in (*directories, *names):
            entry = Path(parent, name)
            if entry.is_symlink():
                raise _spoilt(path, f"{entry} is a link")
            if not (entry.is_dir() or entry.is_file()):
                raise _spoilt(path, f"{entry} is neither a file nor a directory")
        found += [Path(parent, name).relative_to(path).as_posix() for name in names]
    return sorted(set(found) - _NOT_HASHED)


def _parsed(content: Any) -> Blessing:
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']!r} instead of {_FORMAT!r}")
    files = dict(content["files"])
    for name in files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"the path {name!r} leads out of the version")
    if not content["gates"]:
        raise ValueError("the list of gates is empty")
    gates = tuple(GateResult(**gate) for gate in content["gates"])
    versions, precision = dict(content["versions"]), str(content["precision"])
    return Blessing(files, gates, str(content["created"]), versions, precision)


def _versions(more: Iterable[str]) -> dict[str, str]:
    packages = ["keras-occam", "tensorflow", "numpy", *(name.partition(".")[0] for name in more)]
    if "keras" in sys.modules:
        packages.append("keras")
    found = {"python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found
