"""`listing`: what lies in a directory of versions, without loading any."""

import os
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError

from ..blessing import Blessing
from ..errors import ExportError
from ..saved_model import format_files, read_specs
from ..specs import SignatureSpecs
from .existing import existing
from .labels import labels
from .publish import versions

__all__ = ["Version", "listing"]


@dataclass(frozen=True)
class Version:
    """A version, as far as it can be seen without loading it.

    Args:
        version: its number.
        path: of the SavedModel.
        labels: that it has.
        blessing: None where there is no valid one.
        problem: why there is none; of the contents nothing was read.
        bytes: of all its files.
        signatures: what goes into each signature and comes out, by its name.
        formats: bytes of each format besides the SavedModel, by its name.
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
    """The versions of a directory, ascending.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    directory = existing(directory)
    given = labels(directory)
    return [
        _version(directory / str(number), [label for label, v in given.items() if v == number])
        for number in versions(directory)
    ]


def _version(path: Path, given: list[str]) -> Version:
    blessing, problem, signatures = None, None, {}
    try:
        blessing = Blessing.read(path)
        blessing.check_names(path)
        signatures = read_specs(path)
    except ExportError as error:
        blessing, problem = None, str(error)
    except (OSError, DecodeError, IndexError) as error:
        blessing, problem = None, f"Expected a SavedModel. Received: {error}"
    return Version(
        int(path.name),
        path,
        tuple(sorted(given)),
        blessing,
        problem,
        _bytes(path),
        signatures,
        {name: sum(files.values()) for name, files in format_files(path).items()},
    )


def _bytes(path: Path) -> int:
    return sum(
        Path(parent, name).lstat().st_size for parent, _, names in os.walk(path) for name in names
    )
