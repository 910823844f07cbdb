"""`Subject`: the model or the members of an ensemble that are judged, and their data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import message
from ..data import Data
from ..data.folds import parse_folds
from ..data.source import data_errors
from ..tasks import Given
from ..training import Run, engine
from ..training.run import RunDirectory, model_of
from ..training.work_directory import differences
from .answers import Answers, PredictiveDistribution, check_outputs
from .ensemble import check_members, ensemble_predict
from .monte_carlo import mc_predict


class LeftOut(Exception):
    """The reason why a section of an evaluation is missing."""


@dataclass(frozen=True)
class Subject:
    """The model or ensemble to judge, and its data.

    Args:
        name: The name of the run or the model.
        models: The model, or the members of an ensemble.
        answers: What the outputs of each of them mean.
        data: The data; for a run that was refit, its training part has the validation rows.
        given: The data as it was passed.
        run: The run, if it is one; not that of a member.
    """

    name: str
    models: list[keras.Model]
    answers: list[Answers]
    data: Data
    given: Data
    run: Run | None

    @classmethod
    def of(cls, model: Any, data: Data) -> "Subject":
        """Return the subject for the arguments of `evaluate`, or raise if they do not suit."""
        if isinstance(data.task, Given):
            raise ValueError(
                "`data` must have a task: zoo.load_data(..., task='classification'), 'multilabel' "
                "or 'regression'. Received: the task 'given', whose scores are not known"
            )
        one = isinstance(model, keras.Model | Run)
        if not one and (isinstance(model, str) or not isinstance(model, Sequence)):
            expected = "a keras.Model, a finished occam.zoo.Run, or a list of these"
            raise TypeError(message("model", model, expected))
        members = [model] if one else check_members("model", model)
        runs = [member for member in members if isinstance(member, Run)]
        ours = _samples_of(json.loads(json.dumps(dict(data.arguments))))
        for run in runs:
            theirs = _samples_of(run.config["data"]["arguments"])
            if different := [*differences("data", theirs, ours)]:
                raise ValueError(
                    "`data` must be that of the run; for other data, pass `run.load_model()`. "
                    f"Received: other arguments ({'; '.join(different)})"
                )
        refit = any(run.result.get("refit") for run in runs)
        rows = data.without_validation() if refit else data
        models = [model_of(each) for each in members]
        with data_errors():
            x, *_ = next(iter(engine.batches_of(rows, "train").as_numpy_iterator()))
        answers = [Answers(each, _outputs(each, x), data.task) for each in models]
        name = models[0].name if one else f"ensemble of {len(models)}"
        if one and runs and runs[0].directory:
            name = runs[0].directory.name
        return cls(name, models, answers, rows, data, runs[0] if one and runs else None)

    @property
    def is_ensemble(self) -> bool:
        """Whether there are several models."""
        return len(self.models) > 1

    def inputs(self, part: str, rows: int | None = None) -> tuple[Any, np.ndarray]:
        """Return the inputs of the model and the targets of a part, or of its first rows."""
        found, count = [], 0
        with data_errors():
            for batch in engine.batches_of(self.data, part).as_numpy_iterator():
                found.append(batch[:2])
                count += len(batch[1])
                if rows is not None and count >= rows:
                    break
        joined: Any = keras.tree.map_structure(lambda *each: np.concatenate(each)[:rows], *found)
        return joined

    def read(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets of a part, and the logits or values of the model for it."""
        with data_errors():
            return self.predict(engine.batches_of(self.data, part))

    def predict(self, batches: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets and the logits or values for batches.

        Those of an ensemble are the logits of the mean of the probabilities. The members see each
        batch together, because a dataset may have another order in each pass.
        """
        targets, logits, first = [], [], self.answers[0]
        for x, y, *_ in batches.as_numpy_iterator():
            pairs = zip(self.models, self.answers, strict=True)
            each = [answers.logits(_outputs(model, x)) for model, answers in pairs]
            if self.is_ensemble:
                each = [first.inverse(np.mean([first.probabilities(z) for z in each], axis=0))]
            targets.append(y)
            logits += each
        return np.concatenate(targets), np.concatenate(logits)

    def passes(self, x: Any, samples: int, seed: int) -> PredictiveDistribution | None:
        """Return the predictions of the members, or of Monte Carlo dropout if there are samples."""
        task = self.given.task
        if self.is_ensemble:
            return ensemble_predict(self.models, x, task=task)
        if not samples:
            return None
        return mc_predict(self.models[0], x, samples=samples, seed=seed, task=task)

    def out_of_fold(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets and the out-of-fold logits or values of the first repeat."""
        run = self.run
        if run is None or run.directory is None or run.result["validation_by"] == "part":
            raise LeftOut(
                "there are no rows that the model has not trained on but those of the test part, "
                "and no out-of-fold outputs, as of a training with validation='cv:5x2'"
            )
        reruns = len(run.result["reruns"])
        directory = run.directory / f"rerun-{reruns}" if reruns else run.directory
        y = np.asarray(self.data.raw_splits["train"].targets)
        folds, _ = parse_folds(self.given.cv)
        outputs: Any = None
        for number, mask in enumerate(self.given.fold_masks()[:folds]):
            file = RunDirectory(directory / "folds" / str(number)).outputs
            values = np.load(file)["outputs"][run.result["best_epoch"] - 1]
            outputs = np.empty((len(y), *values.shape[1:])) if outputs is None else outputs
            outputs[mask] = values
        return y, self.answers[0].logits(outputs)


def _samples_of(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of `load_data` without the size of batches, which changes no sample."""
    return {name: value for name, value in arguments.items() if name != "batch_size"}


def _outputs(model: keras.Model, x: Any) -> Any:
    """Return the outputs for a batch; raise a `ValueError` for other features, NaN or infinity."""
    taken = [tensor.shape for tensor in getattr(model, "inputs", None) or ()]
    try:
        outputs = model.predict_on_batch(x)
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        raise ValueError(
            "`model` must take the features of the data after its preprocessing, of shape "
            f"{keras.tree.map_structure(np.shape, x)}. Received: {model.name!r}, which takes "
            f"{', '.join(map(str, taken)) or 'others'} and fails with {type(error).__name__}"
        ) from error
    if isinstance(outputs, np.ndarray):  # several outputs are refused by `Answers`
        check_outputs(model, outputs)
    return outputs
