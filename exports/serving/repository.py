"""The served versions of a directory, kept up to date as the directory changes."""

import logging
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ..blessing import Blessing
from ..errors import ExportError, reason
from ..publishing import existing
from ..publishing import labels as read_labels
from ..saved_model import open_version, read_meta_graph
from ..warmup import replay
from .request import RequestError, Target

_LOG = logging.getLogger(__name__)

# The HTTP status for each error of a graph, from http_server.cc of TensorFlow Serving.
_HTTP = {
    tf.errors.INVALID_ARGUMENT: 400,
    tf.errors.FAILED_PRECONDITION: 400,
    tf.errors.OUT_OF_RANGE: 400,
    tf.errors.NOT_FOUND: 404,
    tf.errors.RESOURCE_EXHAUSTED: 429,
    tf.errors.UNIMPLEMENTED: 501,
}


class VersionStatus(NamedTuple):
    """The state of a version: `"LOADING"`, `"AVAILABLE"`, or `"END"` with the `error`, if any."""

    version: int
    state: str
    error: str = ""


class ServedVersion:
    """A version in memory, which no longer reads its directory and has replayed its warmup."""

    def __init__(self, path: Path, number: int):
        self.number = number
        self.definitions = dict(read_meta_graph(path).signature_def)
        self._predictor = open_version(path, number)
        inputs = {name: specs.inputs for name, specs in self._predictor.specs.items()}
        replay(path, inputs, lambda name, features: self._predictor.call(name, **features))

    def inputs(self, signature: str) -> Mapping[str, tf.TensorSpec]:
        """Return the inputs of a signature by name, or raise a `RequestError`."""
        specs = self._predictor.specs
        if signature not in specs:
            raise RequestError(
                f'Serving signature name: "{signature[:100]}" not found in signature def: it must '
                f"be one of {', '.join(map(repr, specs))}."
            )
        return specs[signature].inputs

    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs of a signature by name, or raise a `RequestError`."""
        try:
            return self._predictor.call(signature, **features)
        except tf.errors.OpError as error:
            raise RequestError(reason(error), _HTTP.get(error.error_code, 500)) from error
        except (TypeError, ValueError) as error:
            raise RequestError(str(error)) from error


class _Served(NamedTuple):
    """The state that requests read: one object, replaced as a whole."""

    latest: int | None
    versions: Mapping[int, ServedVersion]
    labels: Mapping[str, int]

    def number(self, target: Target) -> int | None:
        """Return the number of the version of a request, or `None` for the newest."""
        if target.label is None:
            return target.version
        if target.label not in self.labels:
            raise RequestError(f"Unrecognized servable version label: {target.label}")
        return self.labels[target.label]


class Repository:
    """The newest version of a directory that loads, and the labeled ones.

    If a version is not blessed or cannot be loaded, the one before it stays, until the files
    change. A request keeps its version until it is answered. Links are not followed.

    Args:
        directory: The parent of the versions; `labels.json` in it maps labels to versions.
        name: The name of the model in requests.
        blessed: Whether a version needs a blessing that matches its files.

    Raises:
        FileNotFoundError: If the directory does not exist.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str, *, blessed: bool = True):
        self.directory = existing(directory)
        self.name = name
        self._blessed = blessed
        self._served = _Served(None, {}, {})
        self._tried: dict[int, tuple[tuple, ServedVersion | None]] = {}  # with the fingerprints
        self._statuses: dict[int, VersionStatus] = {}
        self._lock = threading.Lock()

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return sorted(self._served.versions)

    def get(self, target: Target) -> ServedVersion:
        """Return the version that answers a request, or raise a `RequestError`."""
        served = self._served
        version = served.number(target)
        chosen = served.latest if version is None else version
        if target.model != self.name or chosen not in served.versions:
            specific = f"Specific({target.model}, {version})"
            which = f"Latest({target.model})" if version is None else specific
            raise RequestError(f"Servable not found for request: {which}", 404)
        return served.versions[chosen]

    def statuses(self, target: Target) -> list[VersionStatus]:
        """Return the state of the target's version, or of all, or raise a `RequestError`."""
        version = self._served.number(target)
        chosen = [status for status in self.seen() if version in (None, status.version)]
        if target.model != self.name or not chosen:
            which = "any versions" if version is None else f"version {version}"
            raise RequestError(f"Could not find {which} of model {target.model}", 404)
        return chosen

    def seen(self) -> list[VersionStatus]:
        """Return the states of all versions that were ever found, the newest first."""
        return [status for _, status in sorted(dict(self._statuses).items(), reverse=True)]

    def refresh(self) -> None:
        """Load new versions, then release those that are no longer served."""
        with self._lock:
            found = _found(self.directory)
            try:
                labels = read_labels(self.directory)
            except (OSError, ExportError) as error:
                _LOG.error("the labels stay as they were: %s", error)
                labels = self._served.labels
            latest = next((n for n in sorted(found, reverse=True) if self._load(n, found[n])), None)
            if latest is None:
                return  # an empty directory, or only failures: the served versions stay
            wanted = {latest, *(n for n in labels.values() if n in found)}
            loaded = {n: self._load(n, found[n]) for n in sorted(wanted)}
            versions = {n: version for n, version in loaded.items() if version}
            self._served = _Served(latest, versions, labels)
            for number, (_, version) in list(self._tried.items()):
                if number in versions or (version is None and number in found):
                    continue
                del self._tried[number]
                if version is not None:
                    self._statuses[number] = VersionStatus(number, "END")
                    _LOG.info("version %d of %s is no longer served", number, self.name)

    def _load(self, number: int, path: Path) -> ServedVersion | None:
        try:
            fingerprint = _fingerprint(path)
        except OSError:  # another process is removing it
            return None
        if number in self._tried and self._tried[number][0] == fingerprint:
            return self._tried[number][1]
        self._statuses[number] = VersionStatus(number, "LOADING")
        try:
            if link := next((p for p in (path, *path.rglob("*")) if p.is_symlink()), None):
                raise ValueError(f"{link.relative_to(path.parent)} is a link: replace it by a copy")
            if self._blessed:
                Blessing.read(path).check_contents(path)
            version = ServedVersion(path, number)
        except Exception as error:  # a broken version must not keep the others from being served
            message = " ".join(str(error).split()) or type(error).__name__
            self._tried[number] = (fingerprint, None)
            self._statuses[number] = VersionStatus(number, "END", message)
            _LOG.error("version %d of %s is not served: %s", number, self.name, message)
            return None
        self._tried[number] = (fingerprint, version)
        self._statuses[number] = VersionStatus(number, "AVAILABLE")
        _LOG.info("version %d of %s is served", number, self.name)
        return version


def _found(directory: Path) -> dict[int, Path]:
    """Return the versions by number; `00000123` is 123, as in TensorFlow Serving."""
    try:
        entries = sorted(directory.iterdir())
    except FileNotFoundError:
        return {}
    return {
        int(path.name): path
        for path in entries
        if path.name.isascii() and path.name.isdigit() and len(path.name) < 19
    }


def _fingerprint(path: Path) -> tuple:
    """Return names, inodes and times of the files, since a number may be published again."""
    stats = ((str(file.relative_to(path)), file.lstat()) for file in sorted(path.rglob("*")))
    return tuple((name, stat.st_ino, stat.st_mtime_ns) for name, stat in stats)
