"""The arguments `seed` and `data_format` of the random layers."""

import hashlib
from typing import Any

import keras

from ...core.checks import check_integer, check_one_of


def seed_generator(layer: keras.layers.Layer, seed: int | None) -> keras.random.SeedGenerator:
    """Return a generator for `layer`, seeded by `seed` and the name of the layer.

    Two layers with the same seed therefore draw different masks, and a cloned or loaded copy draws
    the same masks as its original. Keras numbers automatic names (`dropout_1`, ...) through the
    whole process: to build a model twice with the same draws, name the layers, or call
    `keras.backend.clear_session()` before each build. With `seed=None`, Keras draws a seed, which
    `keras.utils.set_random_seed` makes repeatable.
    """
    check_integer("seed", seed, optional=True)
    if seed is None:
        return keras.random.SeedGenerator()
    digest = hashlib.sha256(f"{int(seed)} {layer.name}".encode()).digest()
    return keras.random.SeedGenerator(int.from_bytes(digest[:4]) >> 1)


def resolve_data_format(data_format: Any) -> str:
    """Return `data_format`, or Keras' setting if it is `None`."""
    check_one_of("data_format", data_format, ("channels_last", "channels_first", None))
    return keras.config.image_data_format() if data_format is None else data_format


def check_channels_last(name: str) -> None:
    """Raise a `ValueError` about the layer or model `name` if Keras is set to channels first."""
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{name} needs channels last, but Keras is set to 'channels_first'. Call "
            "keras.config.set_image_data_format('channels_last')."
        )
