"""Groups of flags that several sub-commands share."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from ..zoo import Regularization
from ..zoo.regularization import Choice, Strength

if TYPE_CHECKING:
    from ..zoo import Data

__all__ = ["DataFlags", "ModelName", "RegularizationFlags", "Strengths", "Tier"]

ModelName = Annotated[str, tyro.conf.arg(metavar="MODEL")]
Tier = Literal["none", "light", "medium", "strong"]


_OF_TIER = "tier"  # the word that leaves a choice to the tier


def _default(strength: Strength | Choice) -> str | None:
    return _OF_TIER if isinstance(strength, Choice) else None


def _flag(strength: Strength | Choice) -> Any:
    about: dict[str, Any] = {"help": strength.help, "help_behavior_hint": "(default: the tier's)"}
    if isinstance(strength, Choice):
        words = (_OF_TIER, strength.off, *strength.options)
        return Annotated[Literal[words], tyro.conf.arg(help=strength.help)]
    return Annotated[float | None, tyro.conf.arg(**about, metavar="FLOAT")]


Strengths = dataclasses.make_dataclass(
    "Strengths",
    [(name, _flag(s), _default(s)) for name, s in Regularization.strengths().items()],
    namespace={"__doc__": "Instead of the tier's; 0 or none switches one off."},
)


@dataclasses.dataclass(kw_only=True)
class RegularizationFlags:
    """Which `Regularization`: a tier, and single strengths in its place."""

    regularization: Tier = "medium"
    """The model's tier of regularization."""

    strengths: tyro.conf.OmitArgPrefixes[Any] = dataclasses.field(default_factory=Strengths)
    """Instead of the tier's; 0 or none switches one off."""

    def regularization_of(self, model: str) -> Regularization:
        """The object that the flags mean for a model."""
        from ..zoo import preset

        given = {n: v for n, v in vars(self.strengths).items() if v not in (None, _OF_TIER)}
        return preset(model, self.regularization).replace(**given)


@dataclasses.dataclass(kw_only=True)
class DataFlags:
    """Which data, and how it is split and batched."""

    data: Annotated[str, tyro.conf.arg(metavar="DATA")] = "mnist1d"
    """mnist1d, digits, breast_cancer, any TensorFlow Datasets name, a .npz file with arrays x and
    y (or x_train, x_val, x_test, ...), or a directory of class folders with images, or of train/,
    val/ and test/ with such folders."""

    data_dir: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="DIR",
            help_behavior_hint="(default: $TFDS_DATA_DIR, or else ~/tensorflow_datasets)",
        ),
    ] = None
    """Where data sets are looked for and prepared."""

    batch_size: int = 100
    """Samples in a batch."""

    data_seed: int = 0
    """Seed of the split between training and validation."""

    validation_fraction: float = 0.1
    """Share of the samples that are not for testing which is held out for validation."""

    image_size: Annotated[
        tuple[int, int] | None,
        tyro.conf.arg(metavar="HEIGHT WIDTH", help_behavior_hint="(default: as they are)"),
    ] = None
    """Pixels to which images are resized."""

    def load(self) -> "Data":
        """The data."""
        from ..zoo import load_data

        return load_data(
            self.data,
            batch_size=self.batch_size,
            seed=self.data_seed,
            data_dir=self.data_dir,
            validation_fraction=self.validation_fraction,
            image_size=self.image_size,
        )
