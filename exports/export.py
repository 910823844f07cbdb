"""`export`: a Keras classifier becomes a checked, versioned SavedModel, or nothing is published."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from .inspection import check_purity
from .predictor import open_version
from .publish import publish, staging
from .servable import Servable
from .verification import check_same_answers

if TYPE_CHECKING:
    import keras

__all__ = ["Export", "export"]


@dataclass(frozen=True)
class Export:
    """What was published, and where.

    Args:
        path: the SavedModel, `<directory>/<version>`.
        version: its number.
        inputs: input name to `tf.TensorSpec` of shape `(None, ...)`.
        outputs: output name to `tf.TensorSpec`.
        class_names: the name of each class, by class id.
    """

    path: Path
    version: int
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]
    class_names: tuple[str, ...]

    def __str__(self) -> str:
        lines = [f"version {self.version} in {self.path}"]
        for title, specs in (("input ", self.inputs), ("output", self.outputs)):
            lines += [f"  {title} {n}: {s.dtype.name} {s.shape}" for n, s in specs.items()]
        return "\n".join([*lines, f"  classes {', '.join(self.class_names)}"])


def export(
    model: "keras.Model",
    directory: str | os.PathLike[str],
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Callable[[Any], Any] | None = None,
    from_logits: bool | None = None,
) -> Export:
    """Publishes a classifier for serving, as `<directory>/<version>`, the next free version.

    The SavedModel has one signature, `serving_default`, from the model's inputs by name to
    `probabilities` (float32, `(n, classes)`), `class_id` (int64, `(n,)`) and `label` (string,
    `(n,)`). It runs in inference mode for good: its graph is searched for operations that draw
    random numbers, change a variable or call Python. Reloaded, it must answer as `model.predict`
    does. Only then it appears, complete, in one step; `load` or a server that polls the directory
    sees the version before until that moment.

    Args:
        model: any Keras model with one output of shape `(batch, classes)`, or `(batch, 1)` for two
            classes. Its inputs keep their names; one that was given none is called `inputs`.
        directory: the parent of the versions, created if need be.
        class_names: one name a class; by default "0", "1", ...
        preprocessing: a function of TensorFlow operations or a Keras layer or model, from raw
            inputs to the model's, stored as part of the graph. Raw inputs are float32 and have the
            model's names and shapes, unless it is a Keras model, whose own inputs count.
        from_logits: whether the outputs are logits rather than probabilities; by default what the
            last activation says (linear, or softmax or sigmoid).

    Raises:
        ExportError: the model is no such classifier, its graph is not pure, or the written model
            answers differently. Nothing was published.
        ValueError: `class_names` does not fit the number of classes.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> model = keras.Sequential([keras.Input((4,), name="flower"), keras.layers.Dense(3)])
    >>> names = ["iris", "rose", "lily"]
    >>> published = exports.export(model, tempfile.mkdtemp(), class_names=names)
    >>> published.version, published.inputs["flower"].shape
    (1, TensorShape([None, 4]))

    Reference: Olston et al., TensorFlow-Serving: Flexible, High-Performance ML Serving, 2017,
        https://arxiv.org/abs/1712.06139
    """
    from .classifier import Classifier  # here, since only a writer needs Keras

    classifier = Classifier(model, preprocessing, from_logits)
    names = _class_names(class_names, classifier.classes)
    servable = Servable(
        classifier.probabilities, classifier.inputs.specs, names, classifier.variables
    )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    with staging(directory) as staged:
        servable.save(str(staged))
        check_purity(staged)
        written = open_version(staged)
        check_same_answers(written, classifier.predict, servable.precision)
        path = publish(staged)
    return Export(path, int(path.name), written.inputs, written.outputs, written.class_names)


def _class_names(names: Sequence[str] | None, classes: int) -> tuple[str, ...]:
    if names is None:
        return tuple(map(str, range(classes)))
    if isinstance(names, str) or len(names) != classes:
        raise ValueError(f"Expected class_names with {classes} names. Received: {names!r}")
    return tuple(map(str, names))
