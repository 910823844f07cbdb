"""`occam predict`."""

import csv
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ..core.checks import message
from .command import Command, VersionsDirectory

if TYPE_CHECKING:
    import numpy as np


@dataclasses.dataclass(kw_only=True)
class PredictCommand(Command):
    """Predict raw samples with an exported model, without Keras, and print CSV."""

    directory: VersionsDirectory

    samples: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SAMPLES.npz")]]
    """File with the samples; `occam data --save` writes one."""

    array: str = "x"
    """Name of the array with the samples."""

    labels: Annotated[str | None, tyro.conf.arg(metavar="STR")] = None
    """Name of the array with their classes; prints the accuracy instead."""

    version: Annotated[int | None, tyro.conf.arg(help_behavior_hint="(default: the latest)")] = None
    """Number of the version."""

    def run(self) -> None:
        from .. import exports

        predictor = exports.load(self.directory, self.version)
        answers = predictor.predict(self._read(self.array))
        if self.labels is not None:
            print(_score(answers["label"], self._names(self.labels, predictor.class_names)))
            return
        writer = csv.writer(sys.stdout)
        writer.writerow(["label", *predictor.class_names])
        for label, probabilities in zip(answers["label"], answers["probabilities"], strict=True):
            writer.writerow([label, *(f"{p:.6f}" for p in probabilities)])

    def _names(self, array: str, class_names: Sequence[str]) -> "np.ndarray[Any, Any]":
        """Return an array of labels as class names."""
        labels = self._read(array)
        if labels.dtype.kind == "f" and (labels == labels.round()).all():
            labels = labels.astype(int)
        names = labels.astype(str)
        if unknown := sorted(set(names.ravel()) - set(class_names)):
            raise ValueError(message("labels", str(unknown[0]), f"among {', '.join(class_names)}"))
        return names

    def _read(self, name: str) -> "np.ndarray[Any, Any]":
        import numpy as np

        try:
            with self.samples.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if name in file.files:
                    return file[name]
                found = ", ".join(file.files)
        except OSError:  # its message names the path
            raise
        except Exception as error:  # of NumPy, zipfile or zlib, if the archive is broken
            raise ValueError(f"Could not read {self.samples}: it is not a .npz file.") from error
        raise ValueError(f"{self.samples} has no array {name!r}: it has {found}.")


def _score(answers: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]") -> str:
    if answers.shape != labels.shape:
        raise ValueError(
            f"The labels must have the shape {answers.shape}, one for each sample. "
            f"Received: shape {labels.shape}"
        )
    if not len(labels):
        raise ValueError("The file has no samples to compare.")
    correct = int((answers == labels).sum())
    return f"accuracy {correct / len(labels):.4f} ({correct} of {len(labels)})"
