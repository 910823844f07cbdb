"""Answers from an exported model, with TensorFlow and NumPy and without Keras."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .errors import ExportError
from .saved_model import tensor_of
from .servable import SIGNATURE
from .specs import SignatureSpecs

__all__ = ["Predictor", "load", "open_version"]

_ROWS = 256  # at once: a matter of memory


class Predictor:
    """A loaded version of an exported model. `load` makes one.

    Attributes:
        version: the number of the version that answers; None before it was published.
        class_names: the name of each class, by class id.
        signatures: the names of what can be asked, `serving_default` first.
        specs: what goes into each signature and comes out, by its name.
        inputs: input name of `serving_default` to `tf.TensorSpec`, of shape `(None, ...)`: any
            number of rows.
        outputs: output name of `serving_default` to `tf.TensorSpec`.
    """

    def __init__(self, model: Any, version: int | None):
        self._model = model  # keeps the variables alive: a signature holds them only weakly
        self.version = version
        self.class_names = tuple(name.decode() for name in model.class_names().numpy())
        others = sorted(set(model.signatures) - {SIGNATURE})
        self.specs = {name: _specs(model.signatures[name]) for name in (SIGNATURE, *others)}
        self.signatures = tuple(self.specs)
        self.inputs = self.specs[SIGNATURE].inputs
        self.outputs = self.specs[SIGNATURE].outputs

    def predict(self, x: Any, *, batch_size: int = _ROWS) -> dict[str, np.ndarray]:
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
        given = x if isinstance(x, Mapping) else dict.fromkeys(list(self.inputs)[:1], x)
        received = sorted(given) if isinstance(x, Mapping) else type(x).__name__
        features = _features(self.inputs, given, received)
        return self._answer(SIGNATURE, features, _positive(batch_size))

    def call(self, signature: str, /, **features: Any) -> dict[str, np.ndarray]:
        """The answer of any signature for each row of `features`.

        Args:
            signature: one of `signatures`.
            **features: the inputs of the signature by name, arrays of shape `(n, ...)`; files and
                serialized examples as bytes.

        Returns:
            The outputs by name, arrays of shape `(n, ...)`; strings as `str`.

        Raises:
            ValueError: no such signature, or as in `predict`.
            TypeError: as in `predict`.
            tf.errors.InvalidArgumentError: bytes that are not what they should be.
        """
        if signature not in self.specs:
            raise ValueError(
                f"Expected one of the signatures {list(self.signatures)}. Received: {signature!r}"
            )
        given = _features(self.specs[signature].inputs, features, sorted(features))
        return self._answer(signature, given, _ROWS)

    def _answer(
        self, signature: str, features: Mapping[str, np.ndarray], batch_size: int
    ) -> dict[str, np.ndarray]:
        function = self._model.signatures[signature]
        rows = len(next(iter(features.values())))
        starts = range(0, max(rows, 1), batch_size)
        batches = [
            function(**{n: tensor_of(a[i : i + batch_size]) for n, a in features.items()})
            for i in starts
        ]
        return {
            name: _text(np.concatenate([batch[name].numpy() for batch in batches]))
            for name in self.specs[signature].outputs
        }

    def __repr__(self) -> str:
        inputs = ", ".join(f"{s.name}: {s.dtype.name} {s.shape}" for s in self.inputs.values())
        return f"Predictor(version={self.version}, inputs=({inputs}), classes={self.class_names})"


def load(
    directory: str | os.PathLike[str],
    version: int | None = None,
    *,
    label: str | None = None,
    verify: bool = False,
    blessed: bool = True,
) -> Predictor:
    """Loads an exported model; Keras is neither needed nor imported for it.

    Args:
        directory: where `export` published, the parent of the versions.
        version: which one; the latest by default.
        label: the version that has this label, instead of a number.
        verify: whether the checksums of all files are compared with the blessing's before.
        blessed: whether a version without a valid `blessing.json` is refused.

    Raises:
        FileNotFoundError: no such directory, no version in it, or not the one that was asked for;
            the message lists those that exist.
        ExportError: the version has no valid blessing; a file was added or removed, or with
            `verify` changed; or no version has the label.
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
    from .publishing import labels, versions  # here, since the gates ask predictors

    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"Expected the directory of an export. Received: {root}, not found")
    found = versions(root)
    if not found:
        raise FileNotFoundError(f"Expected a version (1, 2, ...) in {root}. Received: none there")
    if label is not None:
        version = _labelled(labels(root), label, version)
    chosen = found[-1] if version is None else version
    if chosen not in found:
        raise FileNotFoundError(
            f"Expected one of the versions {found} in {root}. Received: {chosen}"
        )
    if blessed or verify:
        _check_blessing(root / str(chosen), verify)
    return open_version(root / str(chosen), chosen)


def _labelled(labels: Mapping[str, int], label: str, version: int | None) -> int:
    if version is not None:
        raise ValueError(
            f"Expected a version or a label. Received: version={version!r}, label={label!r}"
        )
    if label not in labels:
        raise ExportError(f"Expected one of the labels {sorted(labels)}. Received: {label!r}")
    return labels[label]


def _check_blessing(path: Path, contents: bool) -> None:
    from .blessing import Blessing  # here, since the gates ask predictors

    blessing = Blessing.read(path)
    if contents:
        blessing.check_contents(path)
    else:
        blessing.check_names(path)


def open_version(path: Path, version: int | None = None) -> Predictor:
    """The predictor of the SavedModel at `path`, wherever it lies."""
    model: Any = tf.saved_model.load(str(path))
    if not hasattr(model, "class_names"):
        raise ValueError(
            f"Expected a SavedModel that `export` wrote. Received: another one, {path}"
        )
    return Predictor(model, version)


def _specs(signature: Any) -> SignatureSpecs:
    inputs = signature.structured_input_signature[1]
    return SignatureSpecs(inputs, dict(sorted(signature.structured_outputs.items())))


def _features(
    specs: Mapping[str, tf.TensorSpec], given: Mapping[str, Any], received: Any
) -> dict[str, np.ndarray]:
    """The arrays in `given` as the inputs expect them, or what was expected and what came."""
    if given.keys() != specs.keys():
        raise ValueError(
            f"Expected the inputs {sorted(specs)}, as a dict by name. Received: {received}"
        )
    features = {name: _checked(spec, given[name]) for name, spec in specs.items()}
    rows = {name: len(array) for name, array in features.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"Expected the same number of rows in each input. Received: {rows}")
    return features


def _text(array: np.ndarray) -> np.ndarray:
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array


def _checked(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    """`value` as an array of the spec's dtype and shape, or what was expected and what came."""
    if spec.dtype == tf.string:
        return _checked_shape(spec, _strings(spec, value))
    array = np.asarray(value)
    dtype = np.dtype(spec.dtype.as_numpy_dtype)
    if not _converts(array, dtype):
        raise TypeError(
            f"Input {spec.name!r}: expected {spec.dtype.name} or what converts to it. "
            f"Received: {array.dtype}{_range(array)}"
        )
    return _checked_shape(spec, array).astype(dtype, copy=False)


def _strings(spec: tf.TensorSpec, value: Any) -> np.ndarray:
    """`value` as an array of objects: NumPy's own bytes would lose zeros at their ends."""
    array = np.array(value, dtype=object)
    if other := next((s for s in array.flat if not isinstance(s, bytes | str)), None):
        raise TypeError(
            f"Input {spec.name!r}: expected bytes or str. Received: {type(other).__name__}"
        )
    return array


def _checked_shape(spec: tf.TensorSpec, array: np.ndarray) -> np.ndarray:
    if not spec.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"Input {spec.name!r}: expected the shape {spec.shape} (None: any). "
            f"Received: {array.shape}"
        )
    return array


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
