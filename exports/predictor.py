"""Answers from an exported model, with TensorFlow and NumPy and without Keras."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .publish import versions
from .servable import SIGNATURE

__all__ = ["Predictor", "load", "open_version"]


class Predictor:
    """A loaded version of an exported model. `load` makes one.

    Attributes:
        version: the number of the version that answers; None before it was published.
        class_names: the name of each class, by class id.
        inputs: input name to `tf.TensorSpec`, of shape `(None, ...)`: any number of rows.
        outputs: output name to `tf.TensorSpec`.
    """

    def __init__(self, model: Any, version: int | None):
        self._model = model  # keeps the variables alive: the signature holds them only weakly
        self._signature = model.signatures[SIGNATURE]
        self.version = version
        self.class_names = tuple(name.decode() for name in model.class_names().numpy())
        self.inputs: dict[str, tf.TensorSpec] = self._signature.structured_input_signature[1]
        self.outputs: dict[str, tf.TensorSpec] = dict(
            sorted(self._signature.structured_outputs.items())
        )

    def predict(self, x: Any, *, batch_size: int = 256) -> dict[str, np.ndarray]:
        """The answer for each row of `x`.

        Args:
            x: an array of the shape of the input, `(n, ...)`, or a dict of them by input name.
                Numbers of another dtype are converted where no more than precision is lost.
            batch_size: how many rows go through the graph at once; a matter of memory.

        Returns:
            `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`, the most probable
            class; `label`, str `(n,)`, its name.

        Raises:
            ValueError: a wrong shape, an input missing or unknown, or unequal numbers of rows.
            TypeError: what the input's dtype cannot hold: text, fractions or too large integers.
        """
        features = self._features(x)
        rows = len(next(iter(features.values())))
        starts = range(0, max(rows, 1), _positive(batch_size))
        batches = [
            self._signature(**{n: tf.constant(a[i : i + batch_size]) for n, a in features.items()})
            for i in starts
        ]
        answer = {
            name: np.concatenate([batch[name].numpy() for batch in batches])
            for name in self.outputs
        }
        answer["label"] = np.char.decode(answer["label"].astype(bytes), "utf-8")
        return answer

    def _features(self, x: Any) -> dict[str, np.ndarray]:
        given = x if isinstance(x, Mapping) else dict.fromkeys(list(self.inputs)[:1], x)
        if given.keys() != self.inputs.keys():
            raise ValueError(
                f"Expected the inputs {sorted(self.inputs)}, as a dict by name. "
                f"Received: {sorted(given) if isinstance(x, Mapping) else type(x).__name__}"
            )
        features = {name: _checked(spec, given[name]) for name, spec in self.inputs.items()}
        rows = {name: len(array) for name, array in features.items()}
        if len(set(rows.values())) > 1:
            raise ValueError(f"Expected the same number of rows in each input. Received: {rows}")
        return features

    def __repr__(self) -> str:
        inputs = ", ".join(f"{s.name}: {s.dtype.name} {s.shape}" for s in self.inputs.values())
        return f"Predictor(version={self.version}, inputs=({inputs}), classes={self.class_names})"


def load(directory: str | os.PathLike[str], version: int | None = None) -> Predictor:
    """Loads an exported model; Keras is neither needed nor imported for it.

    Args:
        directory: where `export` published, the parent of the versions.
        version: which one; the latest by default.

    Raises:
        FileNotFoundError: no such directory, no version in it, or not the one that was asked for;
            the message lists those that exist.
        ValueError: the SavedModel there was not written by `export`.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, class_names=["ant", "bee", "cat"])
    >>> predictor = exports.load(directory)
    >>> predictor.predict([[0.0, 0.0]])["label"]
    array(['ant'], dtype='<U3')
    """
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"Expected the directory of an export. Received: {root}, not found")
    found = versions(root)
    if not found:
        raise FileNotFoundError(f"Expected a version (1, 2, ...) in {root}. Received: none there")
    chosen = found[-1] if version is None else version
    if chosen not in found:
        raise FileNotFoundError(
            f"Expected one of the versions {found} in {root}. Received: {chosen}"
        )
    return open_version(root / str(chosen), chosen)


def open_version(path: Path, version: int | None = None) -> Predictor:
    """The predictor of the SavedModel at `path`, wherever it lies."""
    model: Any = tf.saved_model.load(str(path))
    if not hasattr(model, "class_names"):
        raise ValueError(
            f"Expected a SavedModel that `export` wrote. Received: another one, {path}"
        )
    return Predictor(model, version)


def _checked(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    """`value` as an array of the spec's dtype and shape, or what was expected and what came."""
    array = np.asarray(value)
    dtype = np.dtype(spec.dtype.as_numpy_dtype)
    if not _converts(array, dtype):
        raise TypeError(
            f"Input {spec.name!r}: expected {spec.dtype.name} or what converts to it. "
            f"Received: {array.dtype}{_range(array)}"
        )
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"Input {spec.name!r}: expected the shape {spec.shape} (None: any). "
            f"Received: {array.shape}"
        )
    return array.astype(dtype, copy=False)


def _converts(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether nothing but precision is lost; integers must fit by value, not by type."""
    if array.dtype.kind in "iu" and dtype.kind in "iu":
        return np.array_equal(array.astype(dtype), array)
    return np.can_cast(array.dtype, dtype, casting="same_kind")


def _range(array: np.ndarray) -> str:
    numbers = array.dtype.kind in "iu" and array.size
    return f" from {array.min()} to {array.max()}" if numbers else ""


def _positive(batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"Expected batch_size >= 1. Received: {batch_size}")
    return batch_size
