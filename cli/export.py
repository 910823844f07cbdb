"""`occam export`."""

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from .command import Command

__all__ = ["Export"]


@dataclasses.dataclass(kw_only=True)
class Export(Command):
    """Publish a trained model as a SavedModel that takes raw features.

    The next free version appears in the directory, whole and checked against the model, or not at
    all.
    """

    run_directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """Directory of a finished run of `occam train`."""

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the versions."""

    def run(self) -> None:
        """Exports, and prints what was published."""
        from .. import exports, zoo

        trained = zoo.Run.load(self.run_directory)
        published = exports.export(
            trained.load_model(),
            self.directory,
            class_names=trained.config["data"]["class_names"],
            preprocessing=trained.load_preprocessing(),
        )
        print(published)
