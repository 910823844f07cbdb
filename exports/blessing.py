"""`blessing.json`: which files were judged, and what the gates found."""

import contextlib
import datetime
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from .errors import ExportError
from .gates import GateResult

__all__ = ["Blessing", "bless", "checksums"]

_FILE = "blessing.json"
_BESIDE = {_FILE, "export.json", "README.md"}  # not part of what is judged
_FORMAT = 1


@dataclass(frozen=True)
class Blessing:
    """What a version was found to be before it was published.

    Args:
        files: SHA-256 of every file of the SavedModel, by its path in the version.
        gates: what each gate found; all of them passed.
        created: when, ISO 8601 in UTC.
        versions: of Python and of the packages at work.
        precision: the shortest float dtype in which the model computes.
    """

    files: Mapping[str, str]
    gates: tuple[GateResult, ...]
    created: str
    versions: Mapping[str, str]
    precision: str = "float32"

    @classmethod
    def read(cls, path: Path) -> "Blessing":
        """The blessing of the version that lies at `path`.

        Raises:
            ExportError: there is none, or it is not what `bless` writes.
        """
        file = path / _FILE
        if file.is_symlink() or not file.is_file():
            raise ExportError(f"Expected a version with a blessing. Received: {path} without one")
        try:
            blessing = _parsed(json.loads(file.read_text("utf-8")))
        except (ValueError, TypeError, KeyError) as error:
            raise ExportError(
                f"Expected a blessing as `export` writes it. Received: {file}, {error!r}"
            ) from error
        if failed := [gate.name for gate in blessing.gates if not gate.passed]:
            raise ExportError(f"Expected a blessing of passed gates. Received: {failed} failed")
        return blessing

    def check_names(self, path: Path) -> None:
        """Refuses a version that lacks a file, has another one, or a link; no content is read.

        Raises:
            ExportError: as said.
        """
        _check_equal(set(self.files), set(_files(path)), path)

    def check_contents(self, path: Path) -> None:
        """Refuses a version of which a file was changed, removed or added since the blessing.

        Raises:
            ExportError: as said; the message names the files.
        """
        self.check_names(path)
        found = checksums(path)
        if changed := [name for name, digest in self.files.items() if found[name] != digest]:
            raise ExportError(
                f"gate checksums: Expected the files of {path} as they were blessed. "
                f"Received: {changed}, changed"
            )

    def to_dict(self) -> dict[str, Any]:
        """As `blessing.json` holds it."""
        return {
            "format": _FORMAT,
            "files": dict(self.files),
            "gates": [gate.to_dict() for gate in self.gates],
            "created": self.created,
            "versions": dict(self.versions),
            "precision": self.precision,
        }


def bless(
    path: Path, gates: Sequence[GateResult], precision: str, packages: Iterable[str] = ()
) -> Blessing:
    """Writes `blessing.json` beside the files at `path`, which passed the gates.

    Args:
        path: of the version.
        gates: what they found.
        precision: the shortest float dtype in which the model computes.
        packages: that were at work besides our own, as they are imported.
    """
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    blessing = Blessing(checksums(path), tuple(gates), now, _versions(packages), precision)
    text = json.dumps(blessing.to_dict(), indent=2, default=float)
    (path / _FILE).write_text(text + "\n", "utf-8")
    return blessing


def checksums(path: Path) -> dict[str, str]:
    """SHA-256 of every file of a version, by its path in it, as `sha256sum` prints them.

    `blessing.json` and the card are not among them.

    Raises:
        ExportError: a link is among them, or something else that is neither file nor directory.
    """
    return {name: _digest(path / name) for name in _files(path)}


def _files(path: Path) -> list[str]:
    if path.is_symlink():
        raise ExportError(f"gate checksums: Expected a directory. Received: {path}, a link")
    found = []
    for parent, directories, names in os.walk(path):
        for name in (*directories, *names):
            _check_kind(Path(parent, name), directory=name in directories)
        found += [Path(parent, name).relative_to(path).as_posix() for name in names]
    return sorted(set(found) - _BESIDE)


def _check_kind(path: Path, directory: bool) -> None:
    if path.is_symlink() or not (path.is_dir() if directory else path.is_file()):
        raise ExportError(
            f"gate checksums: Expected files and directories only. Received: {path}, "
            f"{'a link' if path.is_symlink() else 'something else'}"
        )


def _check_equal(blessed: set[str], found: set[str], path: Path) -> None:
    if blessed != found:
        raise ExportError(
            f"gate checksums: Expected the files of {path} that were blessed. Received: without "
            f"{sorted(blessed - found)}, and besides {sorted(found - blessed)}"
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parsed(content: Any) -> Blessing:
    if content["format"] != _FORMAT:
        raise ValueError(f"format {content['format']!r}")
    files = dict(content["files"])
    for name in files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError(f"the path {name!r}, which leads out of the version")
    if not content["gates"]:
        raise ValueError("no gates")
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
