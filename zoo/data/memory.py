"""What is small enough to be held in memory is."""

import math

import numpy as np

from .arrays import ArraySplit
from .split import Split
from .stream import StreamSplit

__all__ = ["fits_in_memory", "in_memory_if_it_fits"]

MEMORY_LIMIT = 2**30  # bytes of one part as float32
CHUNK = 256  # examples decoded at once


def fits_in_memory(size: int, shape: tuple[int, ...]) -> bool:
    """Whether `size` examples of `shape` are at most 1 GiB as float32."""
    return 4 * size * math.prod(shape) <= MEMORY_LIMIT


def in_memory_if_it_fits(stream: StreamSplit) -> Split:
    """The arrays of `stream`, in the type in which they are decoded, or `stream` itself."""
    if not fits_in_memory(stream.size, stream.input_shape):
        return stream
    batches = stream.stored.map(stream.decode).batch(CHUNK).as_numpy_iterator()
    return ArraySplit(np.concatenate(list(batches)), stream.labels)
