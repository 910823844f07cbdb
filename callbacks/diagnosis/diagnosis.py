"""`Diagnosis`: says at the end of a training what is the matter with it."""

from typing import Any

import keras
from keras.src.utils.io_utils import print_msg  # as Keras' own callbacks print

from ..penalty import has_penalties
from .baseline_loss import baseline_loss
from .curves import NAMES
from .diagnose import diagnose
from .verdict import Verdict

__all__ = ["Diagnosis"]


class Diagnosis(keras.callbacks.Callback):
    """Collects the losses of each epoch and prints one verdict at the end.

    The verdict, its rules and what they need is documented by `diagnose`. Put it after `LossLedger`
    (with `clean=`), or compile the model with a metric named `data_loss`: a `loss` that contains
    penalties is refused. A model without penalties needs neither; without `clean_loss` the gap
    that is seen is too small, and the verdict says so.

    Args:
        baseline: loss of the best constant prediction; or give `labels`.
        labels: of the training data, from which the baseline is computed.
        loss: what `labels` are compared by: crossentropy, mse or mae; see `baseline_loss`.
        irreducible: the loss of the best possible model; see `diagnose`.
        every: epochs after which a verdict is printed during training as well; `None` for none.
        verbose: 0 prints nothing.

    Raises:
        ValueError: not exactly one of `baseline` and `labels` is given, or `every` is no positive
            integer; at the end of the first epoch, what is needed is not logged (the message says
            what to log). Every epoch has to be validated until the first verdict.

    Attributes:
        verdict: the last one; `None` before the first.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(
    ...     1, kernel_initializer="zeros")])
    >>> model.compile(keras.optimizers.SGD(0.0), "mse")
    >>> x = np.array([[1.0], [3.0]])
    >>> diagnosis = Diagnosis(labels=x, loss="mse", verbose=0)
    >>> _ = model.fit(x, x, epochs=4, validation_data=(x, x), callbacks=[diagnosis], verbose=0)
    >>> diagnosis.verdict.kind, diagnosis.verdict.rule
    ('underfitting', 'nothing learned')
    """

    def __init__(
        self,
        *,
        baseline: float | None = None,
        labels: Any = None,
        loss: str = "crossentropy",
        irreducible: float = 0.0,
        every: int | None = None,
        verbose: int = 1,
    ):
        super().__init__()
        if (baseline is None) == (labels is None):
            raise ValueError(
                "Diagnosis: give `baseline` or `labels`, and not both. "
                f"Received: baseline={baseline!r}, labels={'none' if labels is None else 'given'}"
            )
        if every is not None and (
            not isinstance(every, int) or isinstance(every, bool) or every < 1
        ):
            raise ValueError(
                f"Diagnosis: `every` must be an integer >= 1 or None. Received: every={every!r}"
            )
        self._of_one_output = labels is not None
        self.baseline = baseline_loss(labels, loss) if baseline is None else baseline
        self.irreducible = irreducible
        self._diagnose({"loss": [0.0], "val_loss": [0.0]})  # checks the two
        self.every = every
        self.verbose = verbose
        self.verdict: Verdict | None = None
        self._epochs: list[dict[str, float]] = []

    def on_train_begin(self, logs=None):
        outputs = getattr(self.model, "outputs", None) or ()  # None: not known
        if self._of_one_output and len(outputs) > 1:
            raise ValueError(
                "Diagnosis: `labels` are of one output. Of several give `baseline`, the sum of "
                f"their baseline losses as the loss weighs them. Received: {len(outputs)} outputs"
            )
        self.verdict = None
        self._epochs = []

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if not self._epochs:
            self._check(logs)
            self._epochs = [{} for _ in range(epoch)]  # those before `initial_epoch`
        self._epochs.append({name: float(logs[name]) for name in NAMES if name in logs})
        if self.every and (epoch + 1) % self.every == 0:
            self._judge()

    def on_train_end(self, logs=None):
        if self._epochs:
            self._judge()

    def _judge(self):
        names = [name for name in NAMES if any(name in values for values in self._epochs)]
        history = {name: [values.get(name) for values in self._epochs] for name in names}
        self.verdict = self._diagnose(history)
        if self.verbose:
            print_msg(f"Diagnosis: {self.verdict}")

    def _diagnose(self, history: dict[str, Any]) -> Verdict:
        return diagnose(history, baseline=self.baseline, irreducible=self.irreducible)

    def _check(self, logs: dict[str, Any]) -> None:
        """Finds out after one epoch, and not after the last, that something is not logged."""
        self._diagnose({name: [0.0] for name in logs})
        exact = ("clean_loss" in logs or "data_loss" in logs) and "val_data_loss" in logs
        if not exact and has_penalties(self.model):
            raise ValueError(
                "Diagnosis judges on the data loss, and the model has penalties, which loss and "
                "val_loss contain: put LossLedger before it, or compile a metric named data_loss. "
                f"Logged: {', '.join(sorted(logs))}"
            )

    def get_state(self) -> dict[str, Any]:
        """What a resumed training needs to go on."""
        return {"epochs": self._epochs}

    def set_state(self, state: dict[str, Any]) -> None:
        """The inverse of `get_state`."""
        self._epochs = [dict(values) for values in state["epochs"]]
