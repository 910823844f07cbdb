"""`Snapshots`: several models for an ensemble from one training."""

import warnings
from typing import Any

import keras
import numpy as np

from ...core.checks import check_integer
from ..variables import copies


class Snapshots(keras.callbacks.Callback):
    """Keep the weights at the end of each cycle of the learning rate, for an ensemble.

    A learning rate that falls to 0 along a cosine and then starts anew leads from one minimum to
    another. Their mean prediction may be better than that of the last one, at no cost in training:
    `zoo.evaluate(snapshots.models(), data)`, `zoo.ensemble_predict(snapshots.models(), x)`. The
    schedule is up to the optimizer. In the paper it is

        rate = peak / 2 (1 + cos(pi (t mod period) / period))

    which is `Schedule(lambda model: model.optimizer, schedules.cosine_restarts(peak, period),
    attribute="learning_rate")` for an optimizer of Keras, and `zoo.optimizers.adamw(peak, steps,
    restarts=True)` with a warm-up in each cycle.

    The last epochs that do not fill a cycle leave no snapshot. An `EarlyStopping` ends a training
    by the minimum of one cycle; use none, in `zoo.train` by `patience=None`. Snapshots have the
    weights that were validated, so this callback may stand anywhere after `WeightAverage`. They are
    kept in memory and, with `BackupAndRestore`, saved with each epoch.

    Args:
        epochs: The number of epochs in a cycle.

    Attributes:
        ends: The epochs, from 0, at whose end the snapshots were taken.

    Raises:
        ValueError: If `epochs` is not a positive integer.

    Warns:
        UserWarning: If training ended before the first cycle did.

    Example:

    >>> from occam.callbacks import Schedule, Snapshots, schedules
    >>> x = np.random.default_rng(0).normal(size=(64, 3))
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(), "mse")
    >>> rate = schedules.cosine_restarts(0.1, 2)
    >>> schedule = Schedule(lambda model: model.optimizer, rate, attribute="learning_rate")
    >>> snapshots = Snapshots(2)
    >>> _ = model.fit(x, x.sum(1), epochs=6, callbacks=[schedule, snapshots], verbose=0)
    >>> snapshots.ends, len(snapshots.models())
    ([1, 3, 5], 3)

    Reference: Huang et al., Snapshot Ensembles: Train 1, Get M for Free, 2017,
    https://arxiv.org/abs/1704.00109
    """

    def __init__(self, epochs: int):
        super().__init__()
        check_integer("epochs", epochs, minimum=1)
        self.epochs = epochs
        self.ends: list[int] = []
        self._weights: list[list[np.ndarray]] = []

    def on_train_begin(self, logs=None):
        self.ends, self._weights = [], []

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.epochs == 0:
            self.ends.append(epoch)
            self._weights.append(copies(self._inner.weights))

    def on_train_end(self, logs=None):
        if not self.ends:
            warnings.warn(
                f"Snapshots has kept nothing: training ended within the first {self.epochs} epochs",
                stacklevel=2,
            )

    def models(self) -> list[keras.Model]:
        """Return a copy of the model with the weights of each snapshot, in their order.

        The copies are not compiled. Of a model that wraps another to train it, such as
        `zoo.SharpnessAware`, they are copies of the one inside.
        """
        found = []
        for weights in self._weights:
            found.append(keras.models.clone_model(self._inner))
            found[-1].set_weights(weights)
        return found

    @property
    def _inner(self) -> keras.Model:
        inner = getattr(self.model, "model", None)
        return inner if isinstance(inner, keras.Model) else self.model

    def get_state(self) -> dict[str, Any]:
        return {"ends": self.ends, "weights": self._weights}

    def set_state(self, state: dict[str, Any]) -> None:
        self.ends, self._weights = list(state["ends"]), list(state["weights"])
