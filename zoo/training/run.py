"""`Run`: a finished training, and `RunDirectory`: its files."""

import copy
import csv
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from ...callbacks import Verdict
from ...callbacks.backup_and_restore import STATE
from ...core.checks import check_path, check_type
from ...core.text_table import counted
from ...exports import Export, export
from ..models import Blueprint
from ..regularization import Regularization
from ..tasks import Given, Regression, Task
from .evaluated import figures_of_evaluation, note_on_export
from .work_directory import WorkDirectory

if TYPE_CHECKING:
    from ..evaluation import Evaluation


@dataclass(frozen=True)
class Run:
    """The result of `zoo.train`.

    Args:
        config: Everything needed to repeat the training: all arguments, the versions of the
            packages and the git state.
        history: The value of each logged name after each epoch.
        result: Figures in inference mode, of the weights that were kept: `train`, `validation` and
            `test` with `loss` (penalties included), `data_loss` and `accuracy` each;
            `weight_penalty`; `gap` with `data_loss` (test - train) and `accuracy` (train - test);
            `epochs`; `best_epoch` (from 1); `stopped_early`; `verdict`; `seconds`. `validation` has
            the standard error `data_loss_error`, and that of each score if it is by folds.
            `validation_by` is "part", or the folds whose out-of-fold figures it has, "cv:5x2". With
            `refit`, the weights that were kept are those of a training on all rows but the test
            part, and the history, `validation` and `verdict` are those of the training or the
            trainings before it. `reruns` lists trainings that did not end well and were begun
            again; see `train`.
        directory: The directory with all of this, the model and the TensorBoard logs, or `None`.
    """

    config: dict[str, Any]
    history: dict[str, list[float]]
    result: dict[str, Any]
    directory: Path | None

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> "Run":
        """Load a finished run.

        Raises:
            FileNotFoundError: If `directory` holds no finished run.
            ValueError: If one of its files is damaged.
        """
        check_path("directory", directory)
        files = RunDirectory(directory)
        if not files.finished:
            raise FileNotFoundError(f"{directory} holds no finished run: no {files.result.name}")
        config, result = files.read_json(files.config), files.read_json(files.result)
        for path, values, needed in (
            (files.config, config, ("model", "data", "regularization", "training")),
            (files.result, result, ("train", "epochs", "verdict")),
        ):
            if missing := [name for name in needed if name not in values]:
                raise ValueError(f"{path} must be that of a run. Received: no {missing[0]!r} in it")
        return cls(config, files.read_history(), result, files.path)

    @property
    def regularization(self) -> Regularization:
        """The regularization of the run; models from elsewhere have the training fields only."""
        return Regularization.from_dict(self.config["regularization"])

    @property
    def task(self) -> Task:
        """The task of the targets."""
        return Task.from_dict(self.config["data"]["task"])

    @property
    def verdict(self) -> Verdict | None:
        """The diagnosis of the training up to the weights that were kept, with advice.

        `None` if the baseline of a compiled loss is unknown; the callback `Diagnosis` takes one.
        """
        verdict = self.result["verdict"]
        return None if verdict is None else Verdict.from_dict(verdict)

    def load_model(self) -> keras.Model:
        """Load the trained model; it takes standardized features, as `Data` has them.

        It is compiled, unless its loss or metrics are a user's and not registered with Keras.
        """
        if self.directory is None:
            raise ValueError("zoo.train wrote no model: it was called with log_dir=None.")
        path = RunDirectory(self.directory).model
        if not zipfile.is_zipfile(path):
            found = "a damaged file" if path.exists() else "no file"
            raise FileNotFoundError(f"{path} must be the model of the run. Received: {found}")
        try:
            model: Any = keras.saving.load_model(path)
        except (TypeError, ValueError):
            model = keras.saving.load_model(path, compile=False)
        if "name" in self.config["model"]:
            model.blueprint = Blueprint.from_dict(self.config["model"])
        return model

    def load_preprocessing(self) -> keras.layers.Layer:
        """Load the layer from raw features to those of the model; an export contains both."""
        # Keras removes entries from the config of a functional model.
        config = copy.deepcopy(self.config["data"]["preprocessing"])
        return keras.saving.deserialize_keras_object(config)

    def export(
        self,
        directory: str | os.PathLike[str],
        *,
        evaluation: "Evaluation | None" = None,
        **arguments: Any,
    ) -> Export:
        """Publish the trained model, with its preprocessing, task, names and card.

        Args:
            directory: The directory of the versions.
            evaluation: The result of `zoo.evaluate`, whose scores, gap, calibration and conformal
                coverage become the entry `evaluation` of the card; by default that in the directory
                of the run, `evaluation/evaluation.json` of `occam evaluate`, if there is one.
            **arguments: More arguments of `exports.export`, such as `checks` or `intervals`.

        Raises:
            ExportError: If a gate fails; nothing is published then.
            ValueError: If the evaluation is of other weights than those of the run.
        """
        task = self.task
        names = {}
        if not isinstance(task, Given):
            kind_of_names = "target_names" if isinstance(task, Regression) else "class_names"
            names = {"task": task.kind, kind_of_names: task.names}
        model = self.load_model()
        given = {"preprocessing": self.load_preprocessing(), "card": self.card(), **names}
        given |= arguments
        if figures := figures_of_evaluation(evaluation, model, self.directory):
            figures |= note_on_export(given)
            given["card"] = {**(given["card"] or {}), "evaluation": figures}
        return export(model, directory, **given)

    def card(self) -> dict[str, Any]:
        """Return the content of a model card as JSON values, for `exports.export(card=...)`."""
        record = self.config["data"]
        data = {name: record[name] for name in ("name", "sizes", "origin")}
        data["seed"] = record["arguments"]["seed"]
        data["origin"] = data["origin"].partition(" in ")[0]  # without the path on this machine
        model, regularization = self.config["model"], self.regularization
        return {
            "name": model.get("name", "model"),
            "datasets": [data["name"]],
            "task": record["task"]["kind"],
            "metrics": [*self.task.scores_up][:1],
            "parameters": self.config["parameters"],
            "regularization": {n: getattr(regularization, n) for n in regularization.on()},
            "options": model.get("options", {}),
            "training": self.config["training"],
            "data": data,
            **{name: value for name, value in self.result.items() if name != "verdict"},
            "verdict": self.verdict and self.verdict.kind,
        }

    def __str__(self) -> str:
        scores = (name for name in self.task.scores_up if name in self.result["train"])
        name = next(scores, "data_loss")
        parts = ("train", "validation", "test")
        parts = [part for part in parts if name in self.result.get(part, {})]
        figures = ", ".join(f"{part} {self._figure(part, name)}" for part in parts)
        text = f"{name}: {figures}; {counted(self.result['epochs'], 'epoch')}"
        if name != "data_loss" and "data_loss_error" in self.result["validation"]:
            text += f"; validation data loss {self._figure('validation', 'data_loss')}"
        if (by := self.result.get("validation_by", "part")) != "part":
            text += f"; validation by {by}"
        return text + "; refit on all rows" * bool(self.result.get("refit"))

    def _figure(self, part: str, name: str) -> str:
        """Return a figure as text, with its standard error if that is known."""
        error = self.result[part].get(f"{name}_error")
        return f"{self.result[part][name]:.3f}" + ("" if error is None else f" ± {error:.3f}")


def model_of(model: keras.Model | Run) -> keras.Model:
    """Return a model, or the model of a run; raise a `TypeError` for anything else."""
    check_type("model", model, (keras.Model, Run), "a Keras model or a finished occam.zoo.Run")
    return model.load_model() if isinstance(model, Run) else model


class RunDirectory(WorkDirectory):
    """The files of a run.

    `config.json` comes first. `state.npz` exists during training; `history.csv` and `tensorboard/`
    grow with it. Then follow `model.keras` and last `result.json`, which marks a finished run.
    Further trainings of a run have directories of their own in it: `rerun-1` and so on, `refit`,
    and each fold a run, `folds/0`, with its out-of-fold outputs in `outputs.npz`.
    """

    def __init__(self, path: str | os.PathLike[str], job: str = "training"):
        super().__init__(
            path,
            job=job,
            arguments=("model", "data", "regularization", "training"),
            contents=(
                *(STATE, "history.csv", "tensorboard", "model.tmp.keras", "model.keras"),
                *("result.json", "outputs.npz", "outputs.tmp.npz", "folds", "refit", "rerun-*"),
                "evaluation",  # of `occam evaluate`
            ),
        )
        self.state = self.path / STATE
        self.history = self.path / "history.csv"
        self.tensorboard = self.path / "tensorboard"
        self.model = self.path / "model.keras"
        self.result = self.path / "result.json"
        self.outputs = self.path / "outputs.npz"

    @property
    def finished(self) -> bool:
        """Whether the directory holds a finished run."""
        return self.result.exists()

    def close(
        self,
        model: keras.Model,
        history: dict[str, list[float]],
        result: dict[str, Any],
        *,
        keep_state: bool = False,
    ) -> None:
        """Write the files of a finished run, the result last, and delete the saved states."""
        self.write_history(history)
        temporary = self.model.with_suffix(".tmp.keras")
        model.save(temporary)
        temporary.replace(self.model)
        self.write_json(self.result, result)
        if not keep_state:
            self.delete_states()

    def delete_states(self) -> None:
        """Delete the saved states of the run and of the trainings in its directory."""
        for state in self.path.rglob(self.state.name):
            state.unlink()

    def write_history(self, history: dict[str, list[float]]) -> None:
        """Write a row per epoch and a column per name, like `keras.callbacks.CSVLogger`."""
        names = sorted(history)
        rows = zip(*(history[name] for name in names), strict=True)
        temporary = self.history.with_suffix(".tmp")
        with temporary.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", *names])
            writer.writerows([epoch, *map(_to_csv, row)] for epoch, row in enumerate(rows))
        temporary.replace(self.history)

    def read_history(self) -> dict[str, list[float]]:
        """Read `history.csv`."""
        with self.history.open(newline="") as file:
            rows = list(csv.DictReader(file))
        names = [name for name in rows[0] if name != "epoch"] if rows else []
        return {name: [_from_csv(row[name]) for row in rows] for name in names}


def _to_csv(value: Any) -> Any:
    array = np.asarray(value)
    return array.item() if array.size == 1 else json.dumps(array.tolist())


def _from_csv(text: str) -> Any:
    return np.array(json.loads(text)) if text.startswith("[") else float(text)
