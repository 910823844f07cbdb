"""`occam data`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command
from .flags import DataFlags

__all__ = ["Data"]


@dataclasses.dataclass(kw_only=True)
class Data(Command, DataFlags):
    """Prepare and describe data: shape, classes, sizes of the parts, balance."""

    data: tyro.conf.Positional[Annotated[str, tyro.conf.arg(metavar="DATA")]] = "mnist1d"
    """mnist1d, digits, breast_cancer, any TensorFlow Datasets name, a .npz file with arrays x and
    y (or x_train, x_val, x_test, ...), or a directory of class folders with images, or of train/,
    val/ and test/ with such folders."""

    save: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """Also write the raw samples: arrays x and y (training and validation), x_test and y_test;
    x_val and y_val where the data has a validation part of its own."""

    def run(self) -> None:
        """Prints the description."""
        data = self.load()
        print(data.describe())
        if self.save is not None:
            data.save(self.save)
            print(f"\nsaved: {self.save}")
