"""`EpochScalars`: the scalars of an epoch by run and tag."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from ..model_state import optimizers_in
from ..penalty import weight_penalty
from ..variables import TracedLater, copies
from .charts import RUNS, grouped_name, keras_name
from .summaries import entries


class EpochScalars:
    """The values of an epoch by run and tag, and all runs and tags of the training so far."""

    def __init__(self, names: str):
        self.names = names  # "grouped" or "keras"
        self.tags: list[tuple[str, str]] = []  # runs and tags, by first appearance

    def take(self, logs: Mapping[str, Any], model: keras.Model) -> dict[str, dict[str, Any]]:
        """Return the values of an epoch by run and tag, with norms if names are grouped."""
        name_of = grouped_name if self.names == "grouped" else keras_name
        runs: dict[str, dict[str, Any]] = {run: {} for run in RUNS}
        for name, value in logs.items():
            run, tag = name_of(name)
            runs[run] |= entries({tag: value})
        if self.names == "grouped":
            runs["train"] |= {f"weights/norm/{path}": norm for path, norm in norms(model).items()}
            if "train_eval_loss" in logs:  # so that the band of losses is complete in every run
                total = float(logs["train_eval_loss"]) + float(weight_penalty(model))
                runs["train_eval"].setdefault("loss/total", total)
        new = [(run, tag) for run in RUNS for tag in runs[run]]
        self.tags = list(dict.fromkeys(self.tags + new))
        return runs

    def metrics(self) -> list[tuple[str, str]]:
        """Return the runs and tags of the metrics for the HParams dashboard, by importance."""
        run = "validation" if any(run == "validation" for run, _ in self.tags) else "train"
        losses = [(run, tag) for tag in ("loss/data", "loss/total", "epoch_loss")]
        loss = [each for each in losses if each in self.tags][:1]
        rest = [t for t in self.tags if t[0] == run and t[1].startswith(("metrics/", "epoch_acc"))]
        rest += [t for t in self.tags if t[1].startswith("gap/") or t == ("train", "penalty/total")]
        return [*loss, *rest]


def norms(model: keras.Model) -> dict[str, float]:
    """Return the Euclidean norm of each kernel by its path."""
    # Biases and the gains of normalization have rank 1, and would hide the kernels.
    kernels = [w for w in model.trainable_weights if len(w.shape) >= 2]
    values = (copy.astype("float64") for copy in copies(kernels))
    return {w.path: float(np.linalg.norm(v)) for w, v in zip(kernels, values, strict=True)}


class LearningRates:
    """The learning rates of a compiled model's optimizers, under Keras' names for logs."""

    def __init__(self, model: keras.Model):
        parts = optimizers_in(model.optimizer)
        self._optimizers = [o for o in parts if isinstance(o, keras.optimizers.Optimizer)]
        self._several = len(parts) > 1 or hasattr(model.optimizer, "optimizers")
        self._graphs: dict[Any, Callable[[], Any]] = {}  # by optimizer and schedule

    def __call__(self) -> dict[str, float]:
        return {
            f"learning_rate_{o.name}" if self._several else "learning_rate": self._rate(o)
            for o in self._optimizers
        }

    def _rate(self, optimizer: Any) -> float:
        schedule = optimizer._learning_rate
        # Keras' schedules are a dozen small operations. A user-defined one may not be traceable.
        of_keras = type(schedule).__module__.startswith("keras.")
        if not (isinstance(schedule, LearningRateSchedule) and of_keras):
            return float(ops.convert_to_numpy(optimizer.learning_rate))
        key = (id(optimizer), id(schedule))
        if key not in self._graphs:
            self._graphs[key] = TracedLater(lambda: schedule(optimizer.iterations))
        return float(ops.convert_to_numpy(self._graphs[key]()))
