"""The versions in a directory: their contents, and the removal of old ones."""

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from ...core.checks import check_integer
from ..blessing import Blessing
from ..errors import ExportError
from ..saved_model import format_files, read_specs
from ..specs import SignatureSpecs
from .labels import labels, previous_labels
from .publish import existing, hidden, locked, versions


@dataclass(frozen=True)
class Version:
    """The contents of a version, read without loading it.

    Args:
        version: The number of the version.
        path: The directory of the SavedModel.
        labels: The labels of the version.
        blessing: The blessing, or `None` if there is no valid one.
        problem: Why there is no valid blessing. The contents of files are not compared.
        bytes: The size of all files.
        signatures: The inputs and outputs of each signature, by name.
        formats: The bytes of each format besides the SavedModel, by name.

    Example:

    >>> import pathlib, tempfile
    >>> from occam import exports
    >>> directory = pathlib.Path(tempfile.mkdtemp())
    >>> written = (directory / "labels.json").write_text('{"stable": 1}')
    >>> (directory / "1").mkdir()
    >>> exports.listing(directory)[0].labels
    ('stable',)
    """

    version: int
    path: Path
    labels: tuple[str, ...]
    blessing: Blessing | None
    problem: str | None
    bytes: int
    signatures: dict[str, SignatureSpecs]
    formats: dict[str, int]


def listing(directory: str | os.PathLike[str]) -> list[Version]:
    """Return the versions in a directory, ascending, without loading any.

    Raises:
        FileNotFoundError: If the directory does not exist.

    Example:

    >>> import pathlib, tempfile
    >>> from occam import exports
    >>> directory = pathlib.Path(tempfile.mkdtemp())
    >>> (directory / "1").mkdir()
    >>> [(version.version, version.blessing) for version in exports.listing(directory)]
    [(1, None)]
    """
    directory = existing(directory)
    by_label = labels(directory)
    return [_version(directory, number, by_label) for number in versions(directory)]


def prune(directory: str | os.PathLike[str], keep: int) -> list[int]:
    """Remove all but the `keep` newest versions, and return the removed numbers.

    Versions with a label, and those that `rollback` would give it to, always stay. A version is
    renamed in one step before its files are removed.

    Raises:
        FileNotFoundError: If the directory does not exist.
        ValueError: If `keep` is not an integer >= 1.

    Example:

    >>> import pathlib, tempfile
    >>> from occam import exports
    >>> directory = pathlib.Path(tempfile.mkdtemp())
    >>> for version in "123":
    ...     (directory / version).mkdir()
    >>> exports.prune(directory, keep=2)
    [1]
    """
    check_integer("keep", keep, 1)
    directory = Path(directory)
    with locked(directory):
        labeled = set(labels(directory).values())
        labeled |= {stack[-1] for stack in previous_labels(directory).values() if stack}
        old = [version for version in versions(directory)[:-keep] if version not in labeled]
        for version in old:
            path, target = directory / str(version), hidden(directory)
            lock = os.open(path, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_SH)  # keeps `staging` from removing it, too
                path.rename(target)
                shutil.rmtree(target)
            finally:
                os.close(lock)
    return old


def _version(directory: Path, number: int, by_label: dict[str, int]) -> Version:
    path = directory / str(number)
    blessing, problem, signatures = None, None, {}
    try:
        blessing = Blessing.read(path)
        blessing.check_names(path)
        signatures = read_specs(path)
    except ExportError as error:
        blessing, problem = None, str(error)
    except (OSError, DecodeError, IndexError) as error:
        blessing, problem = None, f"Could not read the SavedModel: {error}"
    names = tuple(sorted(label for label, version in by_label.items() if version == number))
    size = sum(Path(p, name).lstat().st_size for p, _, names in os.walk(path) for name in names)
    formats = {name: sum(files.values()) for name, files in format_files(path).items()}
    return Version(number, path, names, blessing, problem, size, signatures, formats)
