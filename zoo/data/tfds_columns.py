"""Which columns of a TensorFlow Datasets builder are the feature and the label, and their form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from .errors import DataError

__all__ = ["Columns", "find_columns"]


@dataclass(frozen=True)
class Columns:
    """One feature and one label.

    Args:
        feature: the column of the feature.
        label: the column of the label.
        input_shape: the shape of a decoded feature.
        decode: from a feature as stored to `input_shape`.
        class_names: a name for each class, or `None` where only the labels tell.
    """

    feature: str
    label: str
    input_shape: tuple[int, ...]
    decode: Callable[[tf.Tensor], tf.Tensor]
    class_names: tuple[str, ...] | None


def find_columns(
    builder: tfds.core.DatasetBuilder, image_size: tuple[int, int] | None, origin: str
) -> Columns:
    """The columns of a builder's supervised keys.

    Args:
        builder: of the data set.
        image_size: `(height, width)` to which images are resized, or `None` for as they are.
        origin: names the data in the error.

    Raises:
        DataError: not one numeric feature of a fixed shape and one integer label.
    """
    feature_key, label_key = _supervised_keys(builder, origin)
    features: Any = builder.info.features
    feature, label = features[feature_key], features[label_key]
    _check_feature(feature, f"{origin}: {feature_key}")
    _check_label(label, f"{origin}: {label_key}")
    return Columns(
        feature_key,
        label_key,
        _input_shape(feature.shape, image_size, f"{origin}: {feature_key}"),
        _decoder(feature, image_size),
        tuple(label.names) if isinstance(label, tfds.features.ClassLabel) else None,
    )


def _supervised_keys(builder: tfds.core.DatasetBuilder, origin: str) -> tuple[str, str]:
    keys = builder.info.supervised_keys
    if keys is None or len(keys) != 2 or not all(isinstance(key, str) for key in keys):
        raise DataError(
            f"{origin}: expected supervised keys of one feature and one label. Received: {keys}."
        )
    return str(keys[0]), str(keys[1])


def _check_feature(feature: Any, field: str) -> None:
    plain = isinstance(feature, tfds.features.Image | tfds.features.Tensor)
    if not plain or not _holds(feature, np.number):
        raise DataError(f"{field}: expected an image or a tensor of numbers. Received: {feature}.")


def _check_label(label: Any, field: str) -> None:
    scalar = isinstance(label, tfds.features.Tensor) and label.shape in ((), (1,))
    if not scalar or not _holds(label, np.integer):
        raise DataError(f"{field}: expected one integer label an example. Received: {label}.")


def _holds(feature: Any, kind: type[np.generic]) -> bool:
    return np.issubdtype(feature.np_dtype, kind)


def _input_shape(
    shape: tuple[int | None, ...], image_size: tuple[int, int] | None, field: str
) -> tuple[int, ...]:
    if not 1 <= len(shape) <= 3:
        raise DataError(f"{field}: expected examples of rank 1 to 3. Received: shape {shape}.")
    if image_size is not None:
        if len(shape) != 3:
            raise DataError(f"{field}: image_size is for images. Received: shape {shape}.")
        shape = (*image_size, shape[-1])
    if None in shape:
        raise DataError(
            f"{field}: expected examples of one shape. Received: {shape}. Images of several sizes "
            "need image_size=(height, width)."
        )
    return tuple(int(side) for side in shape if side is not None)


def _decoder(
    feature: tfds.features.FeatureConnector, image_size: tuple[int, int] | None
) -> Callable[[tf.Tensor], tf.Tensor]:
    if image_size is None:
        return feature.decode_example

    def resized(stored):
        image = feature.decode_example(stored)
        pixels = tf.image.resize(image, image_size, antialias=True)
        return (
            pixels if image.dtype.is_floating else tf.saturate_cast(tf.round(pixels), image.dtype)
        )

    return resized
