"""`RunDirectory`: the files of a run, none of which is ever half-written."""

import csv
import json
import os
from typing import Any

import keras
import numpy as np

from ...callbacks.backup_and_restore import STATE
from .work_directory import WorkDirectory

__all__ = ["RunDirectory"]


class RunDirectory(WorkDirectory):
    """The files of a run; each is written beside its place and then moved into it.

    `config.json` comes first, `state.npz` stands while training, `history.csv` and `tensorboard/`
    grow with it, then `model.keras` and last `result.json`: a directory that has it holds a
    finished run.

    Args:
        path: the directory, made by `open` if it is missing.
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__(
            path,
            job="training",
            arguments=("model", "data", "regularization", "training"),
            contents=(
                *(STATE, "history.csv", "tensorboard", "model.tmp.keras", "model.keras"),
                "result.json",
            ),
        )
        self.state = self.path / STATE
        self.history = self.path / "history.csv"
        self.tensorboard = self.path / "tensorboard"
        self.model = self.path / "model.keras"
        self.result = self.path / "result.json"

    @property
    def finished(self) -> bool:
        """Whether the directory holds a finished run."""
        return self.result.exists()

    def close(
        self, model: keras.Model, history: dict[str, list[float]], result: dict[str, Any]
    ) -> None:
        """Writes what a finished run leaves: last the result, which marks it as finished."""
        self.write_history(history)
        self._write_model(model)
        self.write_json(self.result, result)
        self.state.unlink(missing_ok=True)

    def _write_model(self, model: keras.Model) -> None:
        temporary = self.model.with_suffix(".tmp.keras")
        model.save(temporary)
        temporary.replace(self.model)

    def write_history(self, history: dict[str, list[float]]) -> None:
        """Writes `history.csv`: a row an epoch, a column a name, as `keras.callbacks.CSVLogger`.

        An array of one is a number; any other is written as a list.
        """
        names = sorted(history)
        columns = [history[name] for name in names]
        temporary = self.history.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", *names])
            rows = enumerate(zip(*columns, strict=True))
            writer.writerows([epoch, *map(_written, row)] for epoch, row in rows)
        temporary.replace(self.history)

    def read_history(self) -> dict[str, list[float]]:
        """Reads `history.csv`."""
        with self.history.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = [name for name in rows[0] if name != "epoch"] if rows else []
        return {name: [_read(row[name]) for row in rows] for name in names}


def _written(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if array.size == 1 else json.dumps(array.tolist())


def _read(text: str) -> Any:
    return np.array(json.loads(text)) if text.startswith("[") else float(text)
