"""Publication of versions: written under a hidden name, then renamed in one step."""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = ".tmp-"  # of incomplete entries


def existing(directory: str | os.PathLike[str]) -> Path:
    """Return the path of a directory; raise a `FileNotFoundError` if it does not exist."""
    path = Path(directory)
    if not path.is_dir():
        problem = "it is a file" if path.exists() else "the directory does not exist"
        raise FileNotFoundError(f"Could not open {path}: {problem}.")
    return path


def versions(directory: Path) -> list[int]:
    """Return the version numbers in a directory, ascending: every entry named 1, 2, 3, ..."""
    names = (entry.name for entry in directory.iterdir())
    return sorted(int(name) for name in names if name.isdecimal() and name == str(int(name)))


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """Create a hidden directory in `directory`, and remove it at the end unless it was published.

    The owner holds a lock, which the kernel releases even after `kill -9`. Hidden entries without a
    lock are leftovers of dead processes, and are removed first.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(directory)
        path, lock = _create_locked(directory)
    except OSError as error:
        problem = "it is a file" if directory.is_file() else error.strerror
        raise type(error)(f"Could not write into {directory}: {problem}.") from error
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def publish(staged: Path) -> Path:
    """Rename the complete `staged` to the next version beside it, and return its new path.

    All bytes reach the disk before the name does. Concurrent publishers get different versions: a
    rename onto a directory that is not empty fails, and the next number is tried.
    """
    directory = staged.parent
    for parent, _, files in os.walk(staged):
        for name in (*files, "."):
            fsync(Path(parent, name))
    version = max(versions(directory), default=0) + 1
    while True:
        published = directory / str(version)
        try:
            staged.rename(published)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            version += 1
        else:
            fsync(directory)
            return published


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the lock of an existing directory."""
    descriptor = os.open(existing(directory), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hidden(directory: Path) -> Path:
    """Return a new path of a hidden entry."""
    return directory / f"{_PREFIX}{uuid.uuid4().hex}"


def fsync(path: Path) -> None:
    """Write a file or the entries of a directory through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create_locked(directory: Path) -> tuple[Path, int]:
    while True:
        path = hidden(directory)
        path.mkdir()  # not `tempfile.mkdtemp`, whose mode 0700 would keep a server's user out
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_SH)
            if path.exists():
                return path, lock
            os.close(lock)
        # another process removed it as a leftover before it was locked: try again


def _remove_leftovers(directory: Path) -> None:
    with locked(directory):  # only a holder of this lock creates hidden files
        for path in directory.glob(f"{_PREFIX}*"):
            if path.is_symlink() or path.is_file():
                path.unlink(missing_ok=True)
                continue
            with suppress(FileNotFoundError):  # its owner has just published it
                lock = os.open(path, os.O_RDONLY)
                with suppress(OSError):  # its owner lives, or this file system has no locks
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path)
                os.close(lock)
