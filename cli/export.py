"""`occam export`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .command import Command, VersionsDirectory

if TYPE_CHECKING:
    from ..exports import Checks
    from ..zoo import Data, Run

_INPUT = "features"  # the input of every model of the zoo
_CHECKED_ROWS = 2000
_CALIBRATION_ROWS = 200


@dataclasses.dataclass(kw_only=True)
class ExportCommand(Command):
    """Publish a trained model as a SavedModel that takes raw features.

    The version is checked against the model and judged on the validation data of the run. It
    appears in the directory complete, or not at all.
    """

    run_directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """Directory of a finished run of `occam train`."""

    directory: VersionsDirectory

    signatures: tuple[Literal["logits", "embedding", "image_bytes", "classify"], ...] = ()
    """Signatures besides serving_default."""

    uncertainty: Annotated[
        int | None, tyro.conf.arg(metavar="T", help_behavior_hint="(default: none)")
    ] = None
    """Add the signature uncertainty, with T forward passes with dropout."""

    temperature: float | Literal["fit"] = 1.0
    """Divisor of the logits; fit: the best one for the validation data of the run."""

    fold: bool = False
    """Fold batch normalization into the kernels."""

    remove_dead_units: bool = False
    """Remove units that do nothing."""

    formats: tuple[
        Literal["litert", "litert_float16", "litert_dynamic", "litert_int8", "onnx", "openvino"],
        ...,
    ] = ()
    """Formats besides the SavedModel."""

    skip_data: bool = False
    """Skip the gates that need the validation data of the run, and do not load it."""

    warmup: tuple[int, ...] = (1,)
    """Batch sizes of the requests that a server sends to each signature before it serves."""

    thresholds: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fit the threshold of each label of a multilabel model to the validation data of the run."""

    intervals: Annotated[
        float | None, tyro.conf.arg(metavar="COVERAGE", help_behavior_hint="(default: none)")
    ] = None
    """Add intervals that cover the targets of a regression with this probability, by half of the
    validation data; the other half checks it."""

    prediction_sets: Annotated[
        float | None, tyro.conf.arg(metavar="COVERAGE", help_behavior_hint="(default: none)")
    ] = None
    """Add sets that contain the class with this probability, by half of the validation data; the
    other half checks it."""

    keep: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: all)")] = (
        None
    )
    """Number of newest versions to keep, besides those with a label."""

    promote: Annotated[
        str | None, tyro.conf.arg(metavar="LABEL", help_behavior_hint="(default: none)")
    ] = None
    """Label to give to the version, such as stable."""

    def run(self) -> None:
        from scipy.special import expit

        from .. import exports, zoo
        from ..exports.publishing import check_label

        if self.promote is not None:
            check_label(self.promote)  # before all the work
        run = zoo.Run.load(self.run_directory)
        self._check_task(run.task.kind)
        data = None if self.skip_data else load_data_of(run)
        temperature = self.temperature
        if temperature == "fit":
            logits, labels = _predict(run, data)
            temperature = exports.fit_temperature(logits, labels)
        thresholds = None
        if self.thresholds:
            logits, labels = _predict(run, data)
            thresholds = exports.fit_thresholds(expit(logits), labels)
        checks, conformal = checks_on(data), {}
        for name, coverage, kind in (
            ("intervals", self.intervals, exports.Intervals),
            ("prediction_sets", self.prediction_sets, exports.PredictionSets),
        ):
            if coverage is not None:
                fitted, checked = _halves(_checked_rows(data))
                conformal[name] = kind(coverage, data=fitted)
                checks = exports.Checks(data=checked)
        signatures: list[Any] = [*self.signatures]
        if self.uncertainty is not None:
            signatures.append(exports.Uncertainty(samples=self.uncertainty))
        formats: list[Any] = [*self.formats]
        if "litert_int8" in formats:
            x, _ = _sample(data, "train", _CALIBRATION_ROWS)
            calibrated = exports.LiteRT("int8", calibration=x)
            formats[formats.index("litert_int8")] = calibrated
        published = run.export(
            self.directory,
            signatures=signatures,
            temperature=temperature,
            thresholds=thresholds,
            fold=self.fold,
            remove_dead_units=self.remove_dead_units,
            formats=formats,
            warmup=self.warmup,
            checks=checks,
            keep=self.keep,
            **conformal,
        )
        if self.promote is not None:
            exports.promote(self.directory, published.version, self.promote)
        print(published)

    def _check_task(self, kind: str) -> None:
        for flag, given, needed in (
            ("--temperature", self.temperature != 1.0, "classification"),
            ("--thresholds", self.thresholds, "multilabel"),
            ("--intervals", self.intervals is not None, "regression"),
            ("--prediction-sets", self.prediction_sets is not None, "classification"),
        ):
            if given and kind != needed:
                raise ValueError(f"`{flag}` is for {needed} runs. Received: a run of {kind}")


def load_data_of(
    run: "Run", otherwise: str = "Use `--skip-data`, or call exports.export in Python."
) -> "Data":
    """Load the data of a run again; `otherwise` says what to do if that is impossible."""
    from .. import zoo

    arguments = dict(run.config["data"]["arguments"])
    if "digest" in arguments:
        raise ValueError(
            f"Run {run.directory} was trained on data in memory ({arguments['source']}), which "
            f"cannot be loaded again. {otherwise}"
        )
    if isinstance(arguments["task"], dict):
        arguments["task"] = zoo.Task.from_dict(arguments["task"])
    return zoo.load_data(**arguments)


def checks_on(data: "Data | None") -> "Checks":
    """Return the checks on the validation data, or those without data."""
    from .. import exports

    return exports.Checks(data=None if data is None else _checked_rows(data))


def _predict(run: "Run", data: "Data | None") -> tuple[Any, Any]:
    """Return the outputs of the model for the validation data, and the targets."""
    x, targets = _checked_rows(data)
    x = next(iter(x.values())) if len(x) == 1 else x
    features = run.load_preprocessing()(x)
    return run.load_model().predict(features, verbose=0), targets


def _checked_rows(data: "Data | None") -> tuple[dict[str, Any], Any]:
    return _sample(data, "validation", _CHECKED_ROWS)


def _halves(rows: tuple[dict[str, Any], Any]) -> list[tuple[dict[str, Any], Any]]:
    x, targets = rows
    middle = len(targets) // 2
    return [
        ({name: array[part] for name, array in x.items()}, targets[part])
        for part in (slice(None, middle), slice(middle, None))
    ]


def _sample(data: "Data | None", part: str, count: int) -> tuple[dict[str, Any], Any]:
    """Return random raw features by input name, and targets; the data may be sorted by class."""
    from ..zoo.data.source import data_errors

    if data is None:
        raise ValueError(
            "`--temperature fit`, `--thresholds`, `--intervals`, `--prediction-sets` and "
            "`--formats litert_int8` need the data of the run: omit `--skip-data`."
        )
    rows = data.raw(part).unbatch().shuffle(10 * count, seed=0).batch(count)
    with data_errors():
        x, targets, *_ = next(iter(rows.as_numpy_iterator()))
    if not isinstance(x, dict):
        x = {"text" if data.vocabulary_size else _INPUT: x}
    return x, targets
