"""One at a time: what changes labels, or removes versions."""

import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .existing import existing

__all__ = ["PREFIX", "locked", "replace_json"]

PREFIX = ".tmp-"  # of whatever is not complete yet, or not wanted any more


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Nobody else is within it for the same directory; the kernel ends it even after `kill -9`.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    descriptor = os.open(existing(directory), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_json(path: Path, content: Any) -> None:
    """Writes a file in one step: who reads it sees what was there before, or all of this.

    To be called within `locked`, which keeps its temporary file from being cleaned away.
    """
    temporary = path.parent / f"{PREFIX}{uuid.uuid4().hex}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
