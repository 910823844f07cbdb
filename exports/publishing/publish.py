"""Versions in a directory: written beside them under a hidden name, then renamed in one step."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .locking import PREFIX, locked

__all__ = ["publish", "staging", "versions"]


def versions(directory: Path) -> list[int]:
    """The version numbers of `directory`, ascending: every entry named 1, 2, 3, ..."""
    names = (entry.name for entry in directory.iterdir())
    return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """A new hidden directory in `directory`, gone at the end unless it was published.

    Its owner holds a lock on it, which the kernel lifts even after `kill -9`: whatever carries the
    prefix and no lock is the leftover of a dead process, and is removed here first.
    `directory` is created if need be.

    Raises:
        OSError: nothing can be written there.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(directory)
        path, lock = _create_locked(directory)
    except OSError as error:
        what = "a file" if directory.is_file() else error.strerror
        raise type(error)(
            f"Expected a directory that can be written. Received: {directory}, {what}"
        ) from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def publish(staged: Path) -> Path:
    """Renames the complete `staged` to the next version beside it and returns its new path.

    All bytes reach the disk before the name does. Of two publishers at once, each gets a version
    of its own: a rename onto a directory that is not empty fails, and the next number is tried.
    """
    directory = staged.parent
    for parent, _, files in os.walk(staged):
        for name in (*files, "."):
            _fsync(Path(parent, name))
    version = max(versions(directory), default=0) + 1
    while not _renamed(staged, directory / str(version)):
        version += 1
    _fsync(directory)
    return directory / str(version)


def _renamed(source: Path, target: Path) -> bool:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise
    return True


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create_locked(directory: Path) -> tuple[Path, int]:
    while True:
        path = directory / f"{PREFIX}{uuid.uuid4().hex}"
        path.mkdir()  # not `tempfile.mkdtemp`, whose mode 0700 would keep a server's user out
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if path.exists():
                return path, lock
            os.close(lock)
        # Before it was locked, another process took it for a leftover: once more.


def _remove_leftovers(directory: Path) -> None:
    with locked(directory):  # so that a file is nobody's any more
        for path in directory.glob(f"{PREFIX}*"):
            if path.is_symlink() or path.is_file():
                path.unlink(missing_ok=True)
            else:
                _remove_leftover(path)


def _remove_leftover(path: Path) -> None:
    try:
        lock = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # its owner has just published it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    except OSError:
        return  # its owner lives, or this file system cannot tell: leave it
    finally:
        os.close(lock)
