"""Answers from an exported model, without Keras."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ExportError
from .features import checked_features
from .runtime import Runtime
from .saved_model import SavedModel, decoded
from .servable import SIGNATURE

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
        runtime: what computes the answers.
    """

    def __init__(self, runtime: Runtime, version: int | None):
        self.runtime: Any = runtime
        self.version = version
        self.class_names = runtime.class_names
        self.specs = runtime.specs
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
            class; `label`, str `(n,)`, its name. No rows get arrays of 0 rows, without asking the
            model.

        Raises:
            ValueError: a wrong shape, an input missing or unknown, or unequal numbers of rows.
            TypeError: what the input's dtype cannot hold: text, fractions or too large numbers.
        """
        given = x if isinstance(x, Mapping) else dict.fromkeys(list(self.inputs)[:1], x)
        received = sorted(given) if isinstance(x, Mapping) else type(x).__name__
        features = checked_features(self.inputs, given, received)
        return self._answer(SIGNATURE, features, _positive(batch_size))

    def call(self, signature: str, /, **features: Any) -> dict[str, np.ndarray]:
        """The answer of any signature for each row of `features`.

        Args:
            signature: one of `signatures`.
            **features: the inputs of the signature by name, arrays of shape `(n, ...)`; files and
                serialized examples as bytes.

        Returns:
            The outputs by name, arrays of shape `(n, ...)`; strings as `str`. For no rows, arrays
            of shape `(0, ...)`, in which other axes of unknown size have the size 0 as well.

        Raises:
            ValueError: no such signature, or as in `predict`.
            TypeError: as in `predict`.
            tf.errors.InvalidArgumentError: bytes that are not what they should be.
        """
        if signature not in self.specs:
            raise ValueError(
                f"Expected one of the signatures {list(self.signatures)}. Received: {signature!r}"
            )
        given = checked_features(self.specs[signature].inputs, features, sorted(features))
        return self._answer(signature, given, _ROWS)

    def _answer(
        self, signature: str, features: Mapping[str, np.ndarray], batch_size: int
    ) -> dict[str, np.ndarray]:
        rows = len(next(iter(features.values())))
        specs = self.specs[signature]
        if not rows and specs.takes_rows:
            return {name: decoded(array) for name, array in specs.empty_answer().items()}
        batches = [
            self.runtime.answer(signature, {n: a[i : i + batch_size] for n, a in features.items()})
            for i in range(0, max(rows, 1), batch_size)
        ]
        return {name: np.concatenate([batch[name] for batch in batches]) for name in specs.outputs}

    def __repr__(self) -> str:
        inputs = ", ".join(f"{s.name}: {s.dtype.name} {s.shape}" for s in self.inputs.values())
        return f"Predictor(version={self.version}, inputs=({inputs}), classes={self.class_names})"


def load(
    directory: str | os.PathLike[str],
    version: int | None = None,
    *,
    label: str | None = None,
    format: str | None = None,
    verify: bool = False,
    blessed: bool = True,
) -> Predictor:
    """Loads an exported model; Keras is neither needed nor imported for it.

    Args:
        directory: where `export` published, the parent of the versions.
        version: which one; the latest by default.
        label: the version that has this label, instead of a number.
        format: one of those that were exported besides the SavedModel, such as `"onnx"`, whose own
            runtime answers instead of TensorFlow: `serving_default` only.
        verify: whether the checksums of all files are compared with the blessing's before.
        blessed: whether a version without a valid `blessing.json` is refused.

    Raises:
        FileNotFoundError: no such directory, no version in it, or not the one that was asked for;
            the message lists those that exist.
        ExportError: the version has no valid blessing; a file was added or removed, or with
            `verify` changed; TensorFlow cannot load it; no version has the label; or the format is
            not there or its runtime not installed.
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
    from .publishing import existing, labels, versions  # here, since the gates ask predictors

    root = existing(directory)
    found = versions(root)
    if not found:
        raise FileNotFoundError(f"Expected a version (1, 2, ...) in {root}. Received: none there")
    if label is not None:
        version = _labelled(labels(root), label, version)
    chosen = found[-1] if version is None else version
    if chosen not in found:
        raise FileNotFoundError(
            f"Expected one of the versions {found} in {root}. Received: {chosen!r}"
        )
    if blessed or verify:
        _check_blessing(root / str(chosen), verify)
    if format is not None:
        return _open_format(root / str(chosen), format, chosen)
    return open_version(root / str(chosen), chosen)


def _labelled(labels: Mapping[str, int], label: str, version: int | None) -> int:
    if version is not None:
        raise ValueError(
            f"Expected a version or a label. Received: version={version!r}, label={label!r}"
        )
    if label not in labels:
        raise ExportError(f"Expected one of the labels {sorted(labels)}. Received: {label!r}")
    return labels[label]


def _open_format(path: Path, format: str, version: int) -> Predictor:
    from .formats import open_format  # here, since formats are asked by predictors

    return open_format(path, format, version)


def _check_blessing(path: Path, contents: bool) -> None:
    from .blessing import Blessing  # here, since the gates ask predictors

    blessing = Blessing.read(path)
    if contents:
        blessing.check_contents(path)
    else:
        blessing.check_names(path)


def open_version(path: Path, version: int | None = None) -> Predictor:
    """The predictor of the SavedModel at `path`, wherever it lies.

    Raises:
        ExportError: TensorFlow cannot load it.
        ValueError: it was not written by `export`.
    """
    try:
        return Predictor(SavedModel(path), version)
    except ValueError:
        raise
    except Exception as error:  # of whatever kind TensorFlow raises
        raise ExportError(f"Expected what TensorFlow loads. Received: {path}, {error}") from error


def _positive(batch_size: int) -> int:
    if batch_size < 1:
        raise ValueError(f"Expected batch_size >= 1. Received: {batch_size}")
    return batch_size
