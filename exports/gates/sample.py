"""`sample` and `features`: made-up inputs for any signature of an export."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ..predictor import Predictor
from ..servable import SIGNATURE

__all__ = ["features", "sample"]

_FREE_SIZE = 32  # of an axis that the model leaves open: long enough for a few poolings


def sample(predictor: Predictor, signature: str, rows: int) -> dict[str, np.ndarray]:
    """`rows` of features for a signature, the same ones each time.

    Floats are log-normal, integers and booleans 0 or 1: positive, since a preprocessing may take a
    root or a logarithm; no integer above 1, since an embedding may be small. A seed counts the
    rows. Images are PNG and JPEG files of several sizes, examples hold features of
    `serving_default`, other text is "0" or "1".
    """
    if signature == "image_bytes":
        return {"image_bytes": _images(rows)}
    if signature == "classify":
        return {"inputs": _examples(features(predictor.specs[SIGNATURE].inputs, rows))}
    return features(predictor.specs[signature].inputs, rows)


def features(specs: Mapping[str, tf.TensorSpec], rows: int) -> dict[str, np.ndarray]:
    """`rows` of inputs of these names, dtypes and shapes, likewise."""
    generator = np.random.default_rng(0)
    made = {}
    for name, spec in specs.items():
        shape = (rows, *(size or _FREE_SIZE for size in spec.shape[1:]))
        values = generator.lognormal(sigma=0.5, size=shape)
        if name == "seed" and shape == (rows,):
            made[name] = np.arange(rows, dtype=spec.dtype.as_numpy_dtype)
        elif spec.dtype == tf.string:
            made[name] = np.where(values > 1, b"1", b"0").astype(object)
        else:
            numbers = values if spec.dtype.is_floating else values > 1
            made[name] = numbers.astype(spec.dtype.as_numpy_dtype)
    return made


def _images(rows: int) -> np.ndarray:
    generator = np.random.default_rng(0)
    files = []
    for row in range(rows):
        shape = (*generator.integers(4, 40, size=2), (1, 3)[row % 2])
        pixels = generator.integers(0, 256, shape, dtype=np.uint8)
        encode = tf.io.encode_jpeg if row % 4 < 2 else tf.io.encode_png
        files.append(encode(pixels).numpy())
    return np.array(files, dtype=object)


def _examples(features: Mapping[str, np.ndarray]) -> np.ndarray:
    rows = len(next(iter(features.values())))
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={name: _feature(array[row : row + 1]) for name, array in features.items()}
            )
        ).SerializeToString(deterministic=True)
        for row in range(rows)
    ]
    return np.array(examples, dtype=object)


def _feature(array: np.ndarray) -> tf.train.Feature:
    values = array.ravel()
    if array.dtype == object:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if array.dtype.kind in "iub":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values.astype("int64")))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values.astype("float32")))
