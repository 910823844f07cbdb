"""`seed_generator`: the random numbers of a layer, its own even where seeds are alike."""

import hashlib
import numbers
from typing import Any

import keras

__all__ = ["seed_generator"]


def seed_generator(layer: keras.layers.Layer, seed: Any) -> keras.random.SeedGenerator:
    """A generator for `layer`, seeded by `seed` and the layer's name.

    Two layers that were made with one integer seed would otherwise draw the same mask: their noise
    would not be independent, and nothing would tell. The name tells them apart, and being part of a
    layer's config it gives a copy, cloned or loaded, the numbers of the original.

    Keras numbers the names it makes up through the whole process (`dropout`, `dropout_1`, ...). To
    draw the same in a model that is built a second time in a process, name the layers, or call
    `keras.backend.clear_session()` before each build, which starts the numbers again.

    Args:
        layer: the layer that draws; it has its name already.
        seed: an integer, or `None` for a seed drawn from Python's `random`, which
            `keras.utils.set_random_seed` makes repeatable.

    Raises:
        ValueError: `seed` is neither an integer nor `None`.
    """
    if seed is None:
        return keras.random.SeedGenerator()
    if not isinstance(seed, numbers.Integral) or isinstance(seed, bool):
        raise ValueError(
            f"{type(layer).__name__}: `seed` must be an integer or None. Received: seed={seed!r}"
        )
    digest = hashlib.sha256(f"{int(seed)} {layer.name}".encode()).digest()
    return keras.random.SeedGenerator(int.from_bytes(digest[:4]) >> 1)
