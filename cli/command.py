"""The base of all sub-commands, and the arguments that several of them share."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

import tyro

from ..zoo import Regularization
from ..zoo.regularization import Choice, Strength

if TYPE_CHECKING:
    from ..zoo import Data

ModelName = Annotated[
    str, tyro.conf.arg(metavar="MODEL", help="Name of the model; `occam models` lists them.")
]
Tier = Literal["none", "light", "medium", "strong"]
DataName = Annotated[
    str,
    tyro.conf.arg(
        metavar="DATA",
        help="mnist1d, digits, breast_cancer, diabetes, friedman1, tags, reviews, a data set of an "
        "installed package (ucr/GunPoint, sklearn/wine), any TensorFlow Datasets name, a .npz file "
        "with arrays x and y (or x_train, x_val, x_test, ...), a .csv, .tsv or .parquet table with "
        "--target, or a directory of class folders with images, or of train/, val/ and test/ with "
        "such folders.",
    ),
]
VersionsDirectory = tyro.conf.Positional[
    Annotated[Path, tyro.conf.arg(metavar="DIRECTORY", help="Parent of the exported versions.")]
]


@dataclasses.dataclass(kw_only=True)
class Command:
    """A sub-command: its fields are its arguments, and `run` executes it.

    Slow modules (TensorFlow, Keras) are imported inside `run`, so every `--help` answers at once.
    """

    failure: ClassVar[int] = 1  # the exit status of a failure; 2 if 1 is a regular result

    debug: bool = False
    """Show the whole traceback of a failure."""

    def run(self) -> int | None:
        """Execute the sub-command, print its results, and return the exit status; `None` is 0."""
        raise NotImplementedError


@dataclasses.dataclass(kw_only=True)
class DataFlags:
    """The data, its split and its batches."""

    data: DataName = "mnist1d"

    data_dir: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="DIR",
            help_behavior_hint="(default: $TFDS_DATA_DIR, or else ~/tensorflow_datasets)",
        ),
    ] = None
    """Directory of TensorFlow Datasets."""

    batch_size: Annotated[
        int | None,
        tyro.conf.arg(
            metavar="INT",
            help_behavior_hint="(default: a quarter of the training data, from 16 to 100)",
        ),
    ] = None
    """Number of samples in a batch."""

    data_seed: int = 0
    """Seed of the split between training and validation."""

    validation_fraction: float = 0.1
    """Fraction of the non-test samples to hold out for validation."""

    standardize: Literal["yes", "no", "robust", "summaries", "minirocket"] = "yes"
    """Scale numbers by their mean and standard deviation; robust scales by quartiles and bounds
    outliers. For mlp, summaries adds to series their spectrum and quantiles, and minirocket turns
    them into features of fixed convolutions."""

    image_size: Annotated[
        tuple[int, int] | None,
        tyro.conf.arg(metavar="HEIGHT WIDTH", help_behavior_hint="(default: as they are)"),
    ] = None
    """Size in pixels to resize images to."""

    on_error: Literal["raise", "skip"] = "raise"
    """Treatment of images in a directory that cannot be read."""

    target: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN ...")] = ()
    """Column of a table to predict, or several."""

    drop: Annotated[tuple[str, ...], tyro.conf.arg(metavar="COLUMN ...")] = ()
    """Columns of a table to leave out."""

    columns: Annotated[
        dict[str, str],  # data checks the kinds, with a better message than tyro's
        tyro.conf.arg(metavar="COLUMN KIND ..."),
    ] = dataclasses.field(default_factory=dict)
    """Kinds of columns of a table: number, category, date or text."""

    weight: Annotated[str | None, tyro.conf.arg(metavar="COLUMN")] = None
    """Column of a table with the sample weights."""

    split: Annotated[str | None, tyro.conf.arg(metavar="HOW:COLUMN")] = None
    """How parts of a table are held out: column:NAME, group:NAME or time:NAME."""

    validation: Annotated[str | None, tyro.conf.arg(metavar="TABLE or cv:KxR")] = None
    """Table of the same columns with the validation part; or cv:5x2 for 5 folds and 2 repeats of
    cross-validation, of any data in memory."""

    test: Annotated[str | None, tyro.conf.arg(metavar="TABLE")] = None
    """Table of the same columns with the test part."""

    task: Annotated[
        Literal["classification", "multilabel", "regression"] | None,
        tyro.conf.arg(help_behavior_hint="(default: found from the targets)"),
    ] = None
    """Task of the targets."""

    class_weight: Annotated[
        Literal["balanced"] | None, tyro.conf.arg(help_behavior_hint="(default: none)")
    ] = None
    """Weigh all classes equally, however frequent they are."""

    def load(self) -> "Data":
        """Load the data."""
        from ..zoo import load_data

        options = {
            "data_dir": self.data_dir,
            "image_size": self.image_size,
            "on_error": None if self.on_error == "raise" else self.on_error,
            "target": self.target[0] if len(self.target) == 1 else self.target or None,
            "drop": self.drop or None,
            "columns": self.columns or None,
            "weight": self.weight,
            "split": self.split,
            "validation": self.validation,
            "test": self.test,
            "standardize": {"yes": None, "no": False}.get(self.standardize, self.standardize),
        }
        return load_data(
            self.data,
            task=self.task,
            batch_size=self.batch_size,
            seed=self.data_seed,
            validation_fraction=self.validation_fraction,
            class_weight=self.class_weight,
            **{name: value for name, value in options.items() if value is not None},
        )


@dataclasses.dataclass(kw_only=True)
class OptionFlags:
    """The options of an architecture."""

    options: Annotated[
        dict[str, str],
        tyro.conf.arg(metavar="NAME VALUE ...", help_behavior_hint="(default: the model's)"),
    ] = dataclasses.field(default_factory=dict)
    """Options of the architecture, with values in JSON: units [64,64]."""

    def parsed_options(self) -> dict[str, Any]:
        """Return the options with their values."""
        return {name: from_json(f"--options {name}", v) for name, v in self.options.items()}


def from_json(flag: str, value: str) -> Any:
    """Return the value of a flag in JSON."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError(
            f"{flag} must have a value in JSON, such as 3, [64,64], true or "
            f"'\"layer\"'. Received: {value}"
        ) from None


_OF_TIER = "tier"  # keeps the tier's option


def _flag(strength: Strength | Choice) -> tuple[Any, str | None]:
    """Return the type and the default of the flag of one field of `Regularization`."""
    if isinstance(strength, Choice):
        options = (_OF_TIER, strength.off, *strength.options)
        return Annotated[Literal[options], tyro.conf.arg(help=strength.help)], _OF_TIER
    hint = "(default: the tier's)"
    about = tyro.conf.arg(help=strength.help, help_behavior_hint=hint, metavar="FLOAT")
    return Annotated[float | None, about], None


Strengths = dataclasses.make_dataclass(
    "Strengths",
    [(name, *_flag(strength)) for name, strength in Regularization.fields().items()],
    namespace={"__doc__": "Replace the tier's; 0 or none switches one off."},
)


@dataclasses.dataclass(kw_only=True)
class RegularizationFlags:
    """A tier of regularization, and strengths that replace the tier's."""

    regularization: Tier | Literal["auto"] = "medium"
    """The model's tier of regularization; auto chooses among them by short trainings."""

    strengths: tyro.conf.OmitArgPrefixes[Any] = dataclasses.field(default_factory=Strengths)
    """Replace the tier's; 0 or none switches one off."""

    def tiers_of(self, model: str, data: "Data") -> dict[str, Regularization]:
        """Return the chosen tier of a model for data, or all tiers, with the strengths replaced."""
        from ..zoo import preset

        changes = {n: v for n, v in vars(self.strengths).items() if v not in (None, _OF_TIER)}
        tiers = get_args(Tier) if self.regularization == "auto" else (self.regularization,)
        return {tier: preset(model, tier, data=data).replace(**changes) for tier in tiers}
