"""The HParams dashboard of TensorBoard: what each trial tried, as effective values."""

import os
from collections.abc import Sequence

from ..callbacks.tensorboard import HParams, Interval
from ..callbacks.tensorboard.event_file import EventFile
from ..callbacks.tensorboard.summaries import scalars
from ..zoo.regularization import Choice, Regularization

__all__ = ["log_experiment", "log_trial"]


def log_experiment(directory: str | os.PathLike[str], space: Sequence[str]) -> None:
    """Writes, once for all trials, which fields are searched and which metric is judged.

    Args:
        directory: that of the search, which TensorBoard is pointed at.
        space: the fields that are searched.
    """
    metrics = [("", name) for name in ("val_data_loss", "val_accuracy")]
    hparams = HParams({}, {name: _range(name) for name in space})
    EventFile(directory).add(0, hparams.experiment(metrics))


def log_trial(
    directory: str | os.PathLike[str],
    regularization: Regularization,
    space: Sequence[str],
    trial: str,
    judged: dict[str, float],
) -> None:
    """Writes the values of one run; what is off is 0 or "none", so that no row lacks one.

    Args:
        directory: the run's TensorBoard logs.
        regularization: what the trial tried.
        space: the fields that are searched.
        trial: the trial's name, one for its runs on all seeds.
        judged: the metrics by which the search judges the run, those of its best epoch; the curves
            beside them go on to the last.
    """
    values = {name: getattr(regularization, name) for name in space}
    hparams = HParams(values, {name: _range(name) for name in space}, trial)
    EventFile(directory).add(0, hparams.row(), scalars(judged))


def _range(name: str) -> Interval | Sequence[str]:
    strength = Regularization.strengths()[name]
    if isinstance(strength, Choice):
        return (strength.off, *strength.options)
    return Interval(*strength.search, log=strength.scale == "log", off=strength.off)
