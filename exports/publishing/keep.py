"""`prune`: old versions go."""

import fcntl
import os
import shutil
import uuid
from pathlib import Path

from .labels import earlier, labels
from .locking import PREFIX, locked
from .publish import versions

__all__ = ["check_keep", "prune"]


def prune(directory: str | os.PathLike[str], keep: int) -> list[int]:
    """Removes all but the `keep` newest versions, and returns those that are gone.

    Never one that has a label, nor the one that `rollback` would give it to. A version disappears
    in one step, by a new name, before its files do.

    Raises:
        FileNotFoundError: no such directory.
        ValueError: `keep` is not an integer >= 1.
    """
    check_keep(keep)
    directory = Path(directory)
    with locked(directory):
        needed = set(labels(directory).values())
        needed |= {stack[-1] for stack in earlier(directory).values() if stack}
        gone = [version for version in versions(directory)[:-keep] if version not in needed]
        for version in gone:
            _remove(directory / str(version))
    return gone


def check_keep(keep: int) -> None:
    """Refuses a number of versions that is none.

    Raises:
        ValueError: it is not an integer >= 1.
    """
    if not (type(keep) is int and keep >= 1):  # a bool is none
        raise ValueError(f"keep must be an integer >= 1. Received: keep={keep!r}")


def _remove(path: Path) -> None:
    hidden = path.parent / f"{PREFIX}{uuid.uuid4().hex}"
    lock = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH)  # who cleans up at the same time leaves it to us
        path.rename(hidden)
        shutil.rmtree(hidden)
    finally:
        os.close(lock)
