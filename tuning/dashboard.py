"""`Dashboard`: the trials of a search in the HParams dashboard of TensorBoard."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import keras_tuner
from keras_tuner.src.engine.trial import Trial  # of KerasTuner 1.4.8

from ..callbacks.tensorboard import HParams
from ..callbacks.tensorboard.event_file import EventFile
from ..callbacks.tensorboard.summaries import scalars
from .execution import Execution

_SUFFIX = ".hparams"


@dataclass(frozen=True)
class Row:
    """An execution in the dashboard: its directory, its trial, the values and the score of it."""

    run: str
    trial: str
    values: dict[str, Any]
    score: float | None


class Dashboard:
    """Write a row for each execution of a search, and the columns once for all.

    The parallel coordinates leave out each row without a value in some column. If a trial declares
    a new hyperparameter, all earlier rows are written again, with its inactive value.

    Args:
        log_dir: The directory of which the executions have sub-directories.
        objective: The name of the score.
    """

    def __init__(self, log_dir: Path, objective: str):
        self.log_dir, self.objective = log_dir, objective
        self.space = keras_tuner.HyperParameters()
        self.rows: list[Row] = []
        self._columns = 0

    def add(self, row: Row, space: keras_tuner.HyperParameters) -> None:
        """Write a row, and all others if `space` has new hyperparameters."""
        self.space.merge(space, overwrite=False)
        self.rows.append(row)
        if len(self.space.space) > self._columns:
            self._columns = len(self.space.space)
            columns = HParams.from_tuner(self.space)
            self._write(self.log_dir, columns.experiment([("", self.objective)]))
            for each in self.rows:
                self._write_row(each)
        else:
            self._write_row(row)

    def _write_row(self, row: Row) -> None:
        space = self.space.copy()
        space.values = dict(row.values)
        hparams = HParams.from_tuner(space, trial=row.trial).row()
        score = {} if row.score is None else {self.objective: row.score}
        self._write(self.log_dir / row.run, hparams, scalars(score))

    def _write(self, directory: Path, *summaries: Any) -> None:
        for file in directory.glob(f"*{_SUFFIX}"):
            file.unlink()
        EventFile(directory, suffix=_SUFFIX).add(0, *summaries)


def run_of(trial: Trial, number: int) -> str:
    """Return the directory of an execution, relative to `log_dir`."""
    return f"{trial.trial_id}/execution{number}"


def row_of(trial: Trial, number: int, execution: Execution) -> Row:
    """Return the row of an execution."""
    values = trial.hyperparameters.values
    return Row(run_of(trial, number), trial.trial_id, values, execution.score)


def boards_of(callbacks: Sequence[Any]) -> list[keras.callbacks.TensorBoard]:
    """Return the callbacks that log for TensorBoard."""
    return [each for each in callbacks if isinstance(each, keras.callbacks.TensorBoard)]
