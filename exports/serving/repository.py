"""`Repository`: which versions of a directory are served, as the directory changes."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..blessing import Blessing
from ..errors import ExportError
from ..publishing import existing, labels
from .errors import RequestError
from .version import Version

__all__ = ["Repository", "VersionStatus"]

_LOG = logging.getLogger(__name__)

Fingerprint = tuple[tuple[str, int, int], ...]


class VersionStatus(NamedTuple):
    """What became of a version.

    Args:
        version: its number.
        state: `LOADING`, `AVAILABLE` or `END`: unloaded, or failed to load.
        error: why it failed; empty if it did not.
    """

    version: int
    state: str
    error: str = ""


class _Served(NamedTuple):
    """What requests see: one object, exchanged as a whole."""

    latest: int | None
    versions: Mapping[int, Version]
    labels: Mapping[str, int]


class Repository:
    """The newest version that loads and the labeled ones, as TensorFlow Serving serves them.

    A version that cannot be loaded, or is not blessed, leaves the one before it serving; it is
    tried again when its files change. The version that a request has got stays alive until it is
    answered. Nothing is read through links.

    Args:
        directory: the parent of the versions, which are named by numbers; `labels.json` in it maps
            labels to versions.
        name: what the model is called in requests.
        blessed: whether a version needs its blessing, and the files as they were blessed.

    Raises:
        FileNotFoundError: no such directory.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str, *, blessed: bool = True):
        self.directory = existing(directory)
        self.name = name
        self._blessed = blessed
        self._served = _Served(None, {}, {})
        self._tried: dict[int, tuple[Fingerprint, Version | None]] = {}
        self._statuses: dict[int, VersionStatus] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Loads what is new and then lets go of what is not served any more."""
        with self._lock:
            found = _found(self.directory)
            given = self._labels()
            latest = next((n for n in sorted(found, reverse=True) if self._load(n, found[n])), None)
            if latest is None:
                return  # an empty directory, or nothing but failures: what is served stays
            wanted = {latest, *(n for n in given.values() if n in found)}
            loaded = {n: self._load(n, found[n]) for n in sorted(wanted)}
            versions = {n: version for n, version in loaded.items() if version}
            self._served = _Served(latest, versions, given)
            self._forget(found, versions)

    def get(self, version: int | None = None, label: str | None = None) -> Version:
        """The version that answers: the newest one, one by number, or one by label.

        Raises:
            RequestError: 404, it is not served; 400, no such label.
        """
        served = self._served
        if label is not None:
            version = _labeled(served.labels, label)
        chosen = served.latest if version is None else version
        if chosen not in served.versions:
            asked = (
                f"Latest({self.name})" if version is None else f"Specific({self.name}, {version})"
            )
            raise RequestError(404, f"Servable not found for request: {asked}")
        return served.versions[chosen]

    def statuses(self, version: int | None = None, label: str | None = None) -> list[VersionStatus]:
        """What became of all versions that were seen, the newest first, or of one.

        Raises:
            RequestError: 404, it was never seen; 400, no such label.
        """
        if label is not None:
            version = _labeled(self._served.labels, label)
        chosen = [status for status in self.seen() if version in (None, status.version)]
        if not chosen:
            which = "any versions" if version is None else f"version {version}"
            raise RequestError(404, f"Could not find {which} of model {self.name}")
        return chosen

    def seen(self) -> list[VersionStatus]:
        """What became of all versions that were seen, the newest first."""
        return [status for _, status in sorted(dict(self._statuses).items(), reverse=True)]

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return sorted(self._served.versions)

    def _load(self, number: int, path: Path) -> Version | None:
        try:
            fingerprint = _fingerprint(path)
        except OSError:  # it is being removed
            return None
        if number in self._tried and self._tried[number][0] == fingerprint:
            return self._tried[number][1]
        self._statuses[number] = VersionStatus(number, "LOADING")
        try:
            version = self._opened(number, path)
        except Exception as error:  # whatever is wrong with the files, the others are served
            self._refused(number, fingerprint, error)
            return None
        self._tried[number] = (fingerprint, version)
        self._statuses[number] = VersionStatus(number, "AVAILABLE")
        _LOG.info("version %d of %s is served", number, self.name)
        return version

    def _opened(self, number: int, path: Path) -> Version:
        if link := next((p for p in (path, *path.rglob("*")) if p.is_symlink()), None):
            raise ValueError(f"Expected files. Received: the link {link.relative_to(path.parent)}")
        if self._blessed:
            Blessing.read(path).check_contents(path)
        return Version(path, number)

    def _refused(self, number: int, fingerprint: Fingerprint, error: Exception) -> None:
        message = " ".join(str(error).split()) or type(error).__name__
        self._tried[number] = (fingerprint, None)
        self._statuses[number] = VersionStatus(number, "END", message)
        _LOG.error("version %d of %s is not served: %s", number, self.name, message)

    def _forget(self, found: Mapping[int, Path], versions: Mapping[int, Version]) -> None:
        for number, (_, version) in list(self._tried.items()):
            if number in versions or (version is None and number in found):
                continue
            del self._tried[number]
            if version is not None:
                self._statuses[number] = VersionStatus(number, "END")
                _LOG.info("version %d of %s is no longer served", number, self.name)

    def _labels(self) -> Mapping[str, int]:
        try:
            return labels(self.directory)
        except (OSError, ExportError) as error:
            _LOG.error("the labels stay as they were: %s", error)
            return self._served.labels


def _labeled(labels: Mapping[str, int], label: str) -> int:
    if label not in labels:
        raise RequestError(400, f"Unrecognized servable version label: {label}")
    return labels[label]


def _found(directory: Path) -> dict[int, Path]:
    """The versions by number; `00000123` is 123, as in TensorFlow Serving."""
    try:
        entries = list(directory.iterdir())
    except FileNotFoundError:
        return {}
    return {
        int(path.name): path
        for path in sorted(entries)
        if path.name.isascii() and path.name.isdigit() and len(path.name) < 19
    }


def _fingerprint(path: Path) -> Fingerprint:
    """Changes when a file of the version does; a number may be published again after a rollback."""
    files = sorted(path.rglob("*"))
    stats = [(str(file.relative_to(path)), file.lstat()) for file in files]
    return tuple((name, stat.st_ino, stat.st_mtime_ns) for name, stat in stats)
