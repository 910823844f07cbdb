"""`Predictions`: pictures of a model's predictions on validation samples, by task."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore

from ...core.compiled_loss import TaskKind, compiled_task
from .class_pictures import ClassPictures
from .label_pictures import LabelPictures
from .pictures import Pictures, predict
from .samples import SampleSet
from .value_pictures import ValuePictures

PICTURES: dict[str, Pictures] = {
    "classification": ClassPictures(),
    "multilabel": LabelPictures(),
    "regression": ValuePictures(),
}


class Predictions:
    """The predictions of a model on validation samples, as summaries.

    The arguments are those of `TensorBoard`.
    """

    def __init__(
        self,
        samples: SampleSet,
        class_names: Sequence[str] | None = None,
        from_logits: bool | None = None,
        task: TaskKind | None = None,
    ):
        if samples.y is None:
            raise ValueError("`validation` must be samples with labels (x, y). Received: only x")
        self.x, self.y = samples.x, samples.y
        self.class_names = class_names
        self.from_logits = from_logits
        self.task: TaskKind | None = task
        if task is not None:
            PICTURES[task].targets(self.y, "validation")  # raises early

    @property
    def inputs(self) -> Any:
        """The samples as a model takes them: Keras refuses NumPy arrays of strings."""
        strings = self.x.dtype.kind in "OSU"
        return keras.ops.convert_to_tensor(self.x, "string") if strings else self.x

    def check(self, model: keras.Model) -> None:
        """Raise a `ValueError` if there are no pictures for a model of known outputs."""
        outputs = getattr(model, "outputs", None)
        if outputs is None:  # they are seen at the first prediction
            return
        if len(outputs) != 1 or len(outputs[0].shape) != 2:
            shapes = ", ".join(str(tuple(output.shape)) for output in outputs)
            raise ValueError(
                "`validation` needs a model with one output of shape (samples, units). "
                f"Received: outputs of shape {shapes}"
            )
        self.pictures(model, outputs[0].shape[-1]).targets(self.y, "validation")

    def pictures(self, model: keras.Model, units: int) -> Pictures:
        """Return the pictures of the task of a model."""
        task = self.task or compiled_task(model, units)
        if task is None:
            raise ValueError(
                f"`task` must be one of {', '.join(map(repr, PICTURES))} to show predictions, if "
                f"the loss of the model does not tell. Received: task=None, "
                f"loss={getattr(model, 'loss', None)!r}, {units} outputs"
            )
        return PICTURES[task]

    def predict(
        self, model: keras.Model
    ) -> tuple[Pictures, tuple[np.ndarray, np.ndarray, list[str]]]:
        """Return the pictures of a model's task, and targets, predictions and names for them."""
        outputs = predict(model, self.inputs)
        pictures = self.pictures(model, outputs.shape[1])
        y = pictures.targets(self.y, "validation")
        p = pictures.predictions(outputs, getattr(model, "loss", None), self.from_logits)
        given = self.class_names
        names = pictures.default_names(p.shape[1]) if given is None else [*map(str, given)]
        if len(names) != p.shape[1] or not pictures.match(y, p.shape[1]):
            labels = f"labels up to {y.max()}" if y.ndim == 1 else f"targets of shape {y.shape}"
            raise ValueError(
                "`class_names` and the labels of `validation` must match the model, which has "
                f"{p.shape[1]} columns of predictions. Received: {len(names)} names and {labels}"
            )
        return pictures, (y, p, names)

    def draw(self, model: keras.Model) -> list[Summary]:
        """Return the summaries, or none if a prediction is not finite."""
        pictures, (y, p, names) = self.predict(model)
        return pictures.draw(self.x, y, p, names) if np.isfinite(p).all() else []


def titles(
    samples: SampleSet,
    model: keras.Model,
    class_names: Sequence[str] | None,
    task: TaskKind | None,
) -> list[str] | None:
    """Return the targets of samples as texts, or `None` without targets or if no task is known."""
    outputs = getattr(model, "outputs", None) or ()
    if task is None and len(outputs) == 1:
        task = compiled_task(model, outputs[0].shape[-1])
    if samples.y is None or task is None:
        return None
    return PICTURES[task].texts(PICTURES[task].targets(samples.y, "samples"), class_names)
