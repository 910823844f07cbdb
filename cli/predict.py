"""`occam predict`."""

import csv
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from .command import Command

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Predict"]


@dataclasses.dataclass(kw_only=True)
class Predict(Command):
    """Answer raw samples from an exported model, as CSV; Keras is not needed."""

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the exported versions."""

    samples: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SAMPLES.npz")]]
    """File with the samples; `occam data --save` writes one."""

    array: str = "x"
    """Name of the array with the samples."""

    labels: Annotated[str | None, tyro.conf.arg(metavar="STR")] = None
    """Name of an array with their classes, to compare: the accuracy is printed instead."""

    version: Annotated[int | None, tyro.conf.arg(help_behavior_hint="(default: the latest)")] = None
    """Version to answer from."""

    def run(self) -> None:
        """Prints a line a sample, or the accuracy."""
        from .. import exports

        predictor = exports.load(self.directory, self.version)
        answers = predictor.predict(self._read(self.array))
        if self.labels is not None:
            labels = self._read(self.labels)
            right = int((answers["label"] == labels.astype(str)).sum())
            print(f"accuracy {right / len(labels):.4f} ({right} of {len(labels)})")
            return
        writer = csv.writer(sys.stdout)
        writer.writerow(["label", *predictor.class_names])
        for label, probabilities in zip(answers["label"], answers["probabilities"], strict=True):
            writer.writerow([label, *(f"{p:.6f}" for p in probabilities)])

    def _read(self, name: str) -> "np.ndarray[Any, Any]":
        import numpy as np

        with np.load(self.samples, allow_pickle=False) as file:
            if name not in file.files:
                raise ValueError(
                    f"{self.samples} has the arrays {', '.join(file.files)}. Received: {name!r}"
                )
            return file[name]
