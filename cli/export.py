"""`occam export`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from .command import Command

if TYPE_CHECKING:
    from ..exports import Signature

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

    signatures: tuple[Literal["logits", "embedding", "image_bytes", "classify"], ...] = ()
    """What can be asked besides serving_default."""

    uncertainty: Annotated[
        int | None, tyro.conf.arg(metavar="T", help_behavior_hint="(default: not asked)")
    ] = None
    """Adds the signature uncertainty, of T passes with dropout left on."""

    temperature: float = 1.0
    """By which the logits are divided."""

    fold: tyro.conf.FlagCreatePairsOff[bool] = False
    """Make batch normalization a part of the kernels before."""

    shrink: tyro.conf.FlagCreatePairsOff[bool] = False
    """Remove units that do nothing."""

    warmup: tuple[int, ...] = (1,)
    """Batch sizes of the requests that a server asks each signature before it serves."""

    def run(self) -> None:
        """Exports, and prints what was published."""
        from .. import exports, zoo

        trained = zoo.Run.load(self.run_directory)
        published = exports.export(
            trained.load_model(),
            self.directory,
            class_names=trained.config["data"]["class_names"],
            preprocessing=trained.load_preprocessing(),
            signatures=self._signatures(),
            temperature=self.temperature,
            fold=self.fold,
            shrink=self.shrink,
            warmup=self.warmup,
        )
        print(published)

    def _signatures(self) -> "list[str | Signature]":
        from .. import exports

        if self.uncertainty is None:
            return [*self.signatures]
        return [*self.signatures, exports.Uncertainty(samples=self.uncertainty)]
