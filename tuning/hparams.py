"""The HParams dashboard of TensorBoard: what each trial tried, as effective values."""

import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api as hp

from ..zoo.regularization import Choice, Regularization

__all__ = ["log_experiment", "log_trial"]


def log_experiment(directory: str | os.PathLike[str], space: Sequence[str]) -> None:
    """Writes, once for all trials, which fields are searched and which metric is judged.

    Args:
        directory: that of the search, which TensorBoard is pointed at.
        space: the fields that are searched.
    """
    metrics = [hp.Metric(name) for name in ("val_data_loss", "val_accuracy")]
    ranges = [hp.HParam(name, _domain(name)) for name in space]
    with tf.summary.create_file_writer(str(directory)).as_default():
        hp.hparams_config(hparams=ranges, metrics=metrics)


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
    with tf.summary.create_file_writer(str(Path(directory))).as_default():
        hp.hparams(values, trial_id=trial)
        for name, value in judged.items():
            tf.summary.scalar(name, value, step=0)


def _domain(name: str) -> hp.RealInterval | hp.Discrete:
    strength = Regularization.strengths()[name]
    if isinstance(strength, Choice):
        return hp.Discrete([strength.off, *strength.options])
    return hp.RealInterval(strength.off, strength.search[1])
