"""`Run`: a finished training."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from ...callbacks import Verdict
from ...core.checks import check_path
from ..models import Blueprint
from ..regularization import Regularization
from .run_directory import RunDirectory

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """What `zoo.train` returns.

    Args:
        config: everything needed to repeat the training: the arguments that made the model and
            the data, the regularization, those of the training, the versions and the git state.
        history: for each logged name its value after each epoch.
        result: figures in inference mode, of the weights that were kept: `train`, `validation` and
            `test` with `loss` (penalties included), `data_loss` and `accuracy` each;
            `weight_penalty`; `gap` with `data_loss` (test - train) and `accuracy` (train - test);
            `epochs`; `best_epoch` (from 1); `stopped_early`; `verdict`; `seconds`.
        directory: where all this is, with the model and the TensorBoard logs, or `None`.
    """

    config: dict[str, Any]
    history: dict[str, list[float]]
    result: dict[str, Any]
    directory: Path | None

    @classmethod
    def load(cls, directory: str | os.PathLike[str]) -> "Run":
        """Reads a finished run back.

        Raises:
            FileNotFoundError: `directory` holds no finished run.
        """
        check_path("directory", directory)
        files = RunDirectory(directory)
        if not files.finished:
            raise FileNotFoundError(f"{directory} holds no finished run: no {files.result.name}")
        return cls(
            files.read_json(files.config),
            files.read_history(),
            files.read_json(files.result),
            files.path,
        )

    @property
    def regularization(self) -> Regularization:
        """The `Regularization` that the run was made with.

        Of a model that `create_model` did not build, it is the part that training honours.
        """
        return Regularization.from_dict(self.config["regularization"])

    @property
    def verdict(self) -> Verdict:
        """What the training was like, up to the weights that were kept, and what to change."""
        return Verdict.from_dict(self.result["verdict"])

    def load_model(self) -> keras.Model:
        """The trained model, compiled; it takes features as `Data` gives them, standardized."""
        if self.directory is None:
            raise ValueError("zoo.train wrote no model: it was called with log_dir=None.")
        model: Any = keras.saving.load_model(RunDirectory(self.directory).model)
        if "name" in self.config["model"]:
            model.blueprint = Blueprint.from_dict(self.config["model"])
        return model

    def load_preprocessing(self) -> keras.layers.Layer:
        """The layer from raw features to those that the model takes; an export contains both."""
        return keras.saving.deserialize_keras_object(self.config["data"]["preprocessing"])

    def card(self) -> dict[str, Any]:
        """What a model card says of the run, JSON values, for `exports.export(card=...)`.

        Name, data set and metrics go into the header of the card; then come the penalties that are
        on, how the model was made and trained, and the figures of all parts.
        """
        data = {name: self.config["data"][name] for name in ("name", "sizes", "origin", "seed")}
        data["origin"] = data["origin"].partition(" in ")[0]  # not where it lies on this machine
        model, regularization = self.config["model"], self.regularization
        return {
            "name": model.get("name", "model"),
            "datasets": [data["name"]],
            "metrics": ["accuracy"],
            "parameters": self.config["parameters"],
            "regularization": {n: getattr(regularization, n) for n in regularization.on()},
            "options": model.get("options", {}),
            "training": self.config["training"],
            "data": data,
            **{name: value for name, value in self.result.items() if name != "verdict"},
            "verdict": self.verdict.kind,
        }

    def __str__(self) -> str:
        parts = ("train", "validation", "test")
        figures = ", ".join(f"{part} {self.result[part]['accuracy']:.3f}" for part in parts)
        return f"accuracy: {figures}; {self.result['epochs']} epochs"
