"""Sample requests for any signature, and the difference between two answers."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ..heads import Head
from ..predictor import Predictor
from ..servable import SIGNATURE

_FREE_SIZE = 32  # of an axis of unknown size: enough for a few poolings
_TOLERANCE = {"bfloat16": 1e-2, "float16": 1e-3, "int8": 1e-2}  # a few roundings of the logits


def sample(predictor: Predictor, signature: str, rows: int) -> dict[str, np.ndarray]:
    """Return `rows` of features for a signature, the same at each call.

    Floats are log-normal, since a preprocessing may take a root or a logarithm; integers are 0 or
    1, since an embedding may be small. `seed` counts the rows. Images are PNG and JPEG files of
    several sizes, examples hold features of `serving_default`, other text is "0" or "1".
    """
    if signature == "image_bytes":
        return {"image_bytes": _images(rows)}
    if signature == "classify":
        return {"inputs": _examples(features(predictor.specs[SIGNATURE].inputs, rows))}
    return features(predictor.specs[signature].inputs, rows)


def features(specs: Mapping[str, tf.TensorSpec], rows: int) -> dict[str, np.ndarray]:
    """Return `rows` of features for inputs by name, as in `sample`."""
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


def tolerance(precision: str) -> float:
    """Return the relative tolerance for numbers computed in `precision`."""
    return _TOLERANCE.get(precision, 1e-5)


def difference(
    received: Mapping[str, np.ndarray],
    expected: Mapping[str, np.ndarray],
    relative: float,
    head: Head,
    rows: int | None = None,
) -> str | None:
    """Describe the first output in which two answers differ; return None if there is none.

    Floats may differ by the limits of `head`, other answers in rows that are not clear. With
    `rows`, only so many rows of `expected` are compared.
    """
    unclear = head.unclear(expected, relative)
    for name, whole in expected.items():
        answer, right = received[name], whole[:rows]
        if answer.shape != right.shape:
            return f"{name!r} of shape {answer.shape} instead of {right.shape}"
        different = answer != right
        if right.dtype.kind == "f":
            different &= ~(np.isnan(answer) & np.isnan(right))
            distance = np.zeros(right.shape)
            distance[different] = np.abs(answer[different].astype("float64") - right[different])
            limits = np.broadcast_to(head.limit(expected, name, relative), whole.shape)[:rows]
            if not np.all(distance <= limits):
                worst = np.unravel_index(np.argmax(distance - limits), distance.shape)
                return f"{name!r} that differs by {distance[worst]:.2g} in row {worst[0]}"
        elif name in unclear:
            rest = different.reshape(len(right), -1).any(axis=-1) & ~unclear[name][:rows]
            if rest.any():
                return f"another {name!r} in row {np.argmax(rest)}"
        elif different.any():
            return f"another {name!r}"
    return None


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
    examples = []
    for row in range(len(next(iter(features.values())))):
        lists = {name: _feature(array[row : row + 1]) for name, array in features.items()}
        example = tf.train.Example(features=tf.train.Features(feature=lists))
        examples.append(example.SerializeToString(deterministic=True))
    return np.array(examples, dtype=object)


def _feature(array: np.ndarray) -> tf.train.Feature:
    values = array.ravel()
    if array.dtype == object:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if array.dtype.kind in "iub":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values.astype("int64")))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values.astype("float32")))
