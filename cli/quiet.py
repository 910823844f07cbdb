"""Keeps what TensorFlow says of itself off the terminal."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

__all__ = ["import_tensorflow_quietly"]


def import_tensorflow_quietly() -> None:
    """Imports TensorFlow without its messages about CPU features and missing GPUs.

    TensorFlow 2.21 writes some of them to file descriptor 2 while it is imported, whatever
    `TF_CPP_MIN_LOG_LEVEL` says; the rest, and those of its Python part, obey their settings.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    with _no_stderr():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    if sys.stderr is None:  # it was closed
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
