"""`Predictor`: answers from an exported model, without Keras."""

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core.checks import check_integer, check_one_of
from .heads import Head
from .servable import SIGNATURE
from .specs import SignatureSpecs, checked_features, features_of

_ROWS = 256  # at once, to bound the memory


class Runtime(abc.ABC):
    """The engine behind a `Predictor`: TensorFlow, or the runtime of another format."""

    head: Head
    specs: Mapping[str, SignatureSpecs]  # by signature, `serving_default` first

    @abc.abstractmethod
    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the outputs by name for one or more rows, text as `str`."""


class Predictor:
    """A loaded version of an exported model, as `load` returns it.

    Attributes:
        version: The number of the version; None before it is published.
        task: "classification", "multilabel", "regression" or "outputs".
        class_names: The name of each class, by class id, or of each label; () for other tasks.
        target_names: The name of each target of a regression; () for other tasks.
        head: What the answers mean, and how to compare them.
        signatures: The names of the signatures, `serving_default` first.
        specs: The `SignatureSpecs` of each signature by name.
        inputs: Input name of `serving_default` to `tf.TensorSpec` of shape `(None, ...)`: any
            number of rows.
        outputs: Output name of `serving_default` to `tf.TensorSpec`.
        runtime: The engine that computes the answers.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    >>> options = {"class_names": ["ant", "bee", "cat"], "signatures": ["logits"]}
    >>> published = exports.export(model, tempfile.mkdtemp(), **options)
    >>> predictor = exports.load(published.path.parent)
    >>> predictor.predict([[0.0, 0.0], [1.0, 2.0]])["probabilities"].shape
    (2, 3)
    >>> predictor.call("logits", x=[[0.0, 0.0]])
    {'logits': array([[0., 0., 0.]], dtype=float32)}
    """

    def __init__(self, runtime: Runtime, version: int | None):
        self.runtime: Any = runtime
        self.version = version
        self.head = runtime.head
        self.task = self.head.task
        self.class_names = names_of(self.head, "classification", "multilabel")
        self.target_names = names_of(self.head, "regression")
        self.specs = runtime.specs
        self.signatures = tuple(self.specs)
        self.inputs = self.specs[SIGNATURE].inputs
        self.outputs = self.specs[SIGNATURE].outputs

    def predict(self, x: Any, *, batch_size: int = _ROWS) -> dict[str, np.ndarray]:
        """Return the answer of `serving_default` for each row of `x`.

        Args:
            x: An array of shape `(n, ...)`, or a dict or pandas DataFrame of arrays by input name.
                Numbers of another dtype are converted if only precision is lost. A missing value,
                such as None, is NaN for a float input and "" for a string one; dates become
                strings in ISO 8601.
            batch_size: The number of rows per run of the graph, which bounds the memory.

        Returns:
            For classification `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`,
            the most probable class; `label`, str `(n,)`, its name; and, if the export has them,
            `prediction_set`, str `(n, classes)`, the classes in the set and then "", and
            `set_size`, int64 `(n,)`, how many. For multilabel `probabilities`, float32
            `(n, labels)`; `labels`, str `(n, labels)`, the predicted ones and then ""; and `count`,
            int64 `(n,)`, how many are predicted. For regression `values`, float32 `(n, targets)`,
            and `intervals`, float32 `(n, targets, 2)`, if the export has them. For other tasks, the
            outputs of the model by name. For no rows, empty arrays.

        Raises:
            ValueError: If a shape is wrong, an input missing or unknown, or numbers of rows differ.
            TypeError: If the input's dtype cannot hold the values: text, fractions, large numbers.
        """
        check_integer("batch_size", batch_size, 1)
        return self._answer(SIGNATURE, features_of(self.inputs, x), batch_size)

    def call(self, signature: str, /, **features: Any) -> dict[str, np.ndarray]:
        """Return the answer of any signature for each row of `features`.

        Args:
            signature: One of `signatures`.
            **features: The inputs of the signature by name, arrays of shape `(n, ...)`; files and
                serialized examples as bytes.

        Returns:
            The outputs by name, arrays of shape `(n, ...)`; strings as `str`. For no rows, arrays
            of shape `(0, ...)`, with 0 for other unknown sizes as well.

        Raises:
            ValueError, TypeError: If there is no such signature, or as in `predict`.
            tf.errors.InvalidArgumentError: If the graph refuses the values, such as broken files.
        """
        check_one_of("signature", signature, self.specs)
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
        names = f"{self.head.title.lower()}={self.head.names}"
        return f"Predictor(version={self.version}, inputs=({inputs}), {names})"


def names_of(head: Head, *tasks: str) -> tuple[str, ...]:
    """Return the names of a head of one of the tasks, otherwise ()."""
    return head.names if head.task in tasks else ()


def decoded(array: np.ndarray) -> np.ndarray:
    """Return an output of TensorFlow, with strings as `str` instead of bytes."""
    return np.char.decode(array.astype(bytes), "utf-8") if array.dtype == object else array
