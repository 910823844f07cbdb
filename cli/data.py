"""`occam data`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command, DataFlags, DataName


@dataclasses.dataclass(kw_only=True)
class DataCommand(Command, DataFlags):
    """Prepare and describe data: shape, classes, sizes of the parts, balance."""

    data: tyro.conf.Positional[DataName] = "mnist1d"

    save: Annotated[Path | None, tyro.conf.arg(metavar="FILE.npz")] = None
    """Also write the raw samples: arrays x and y (training and validation), x_test and y_test;
    x_val and y_val if the data has a validation part."""

    def run(self) -> None:
        data = self.load()
        print(data.describe())
        if self.save is not None:
            data.save(self.save)
            print(f"\nsaved: {self.save}")
