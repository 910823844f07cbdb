"""`occam export`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .command import Command
from .judged import INPUT, JUDGED_ROWS, checks_on, data_of, rows_of

if TYPE_CHECKING:
    from ..exports import Format, Signature
    from ..zoo import Data

FormatName = Literal[
    "litert", "litert_float16", "litert_dynamic", "litert_int8", "onnx", "openvino"
]

_CALIBRATION_ROWS = 200


@dataclasses.dataclass(kw_only=True)
class Export(Command):
    """Publish a trained model as a SavedModel that takes raw features.

    The version is checked against the model and judged on the validation data of the run. It
    appears in the directory complete, or not at all.
    """

    run_directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """Directory of a finished run of `occam train`."""

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the versions."""

    signatures: tuple[Literal["logits", "embedding", "image_bytes", "classify"], ...] = ()
    """Signatures besides serving_default."""

    uncertainty: Annotated[
        int | None, tyro.conf.arg(metavar="T", help_behavior_hint="(default: none)")
    ] = None
    """Add the signature uncertainty, with T forward passes with dropout."""

    temperature: float | Literal["fit"] = 1.0
    """Divisor of the logits; fit: the best one for the validation data of the run."""

    fold: tyro.conf.FlagCreatePairsOff[bool] = False
    """Fold batch normalization into the kernels."""

    remove_dead_units: tyro.conf.FlagCreatePairsOff[bool] = False
    """Remove units that do nothing."""

    formats: tuple[FormatName, ...] = ()
    """Formats besides the SavedModel."""

    skip_data: tyro.conf.FlagCreatePairsOff[bool] = False
    """Skip the gates that need the validation data of the run, and do not load it."""

    warmup: tuple[int, ...] = (1,)
    """Batch sizes of the requests that a server sends to each signature before it serves."""

    keep: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: all)")] = (
        None
    )
    """Number of newest versions to keep, besides those with a label."""

    promote: Annotated[
        str | None, tyro.conf.arg(metavar="LABEL", help_behavior_hint="(default: none)")
    ] = None
    """Label to give to the version, such as stable."""

    def run(self) -> None:
        """Export, and print the published version."""
        from .. import exports, zoo
        from ..exports.publishing import check_label

        if self.promote is not None:
            check_label(self.promote)  # before all the work
        trained = zoo.Run.load(self.run_directory)
        data = None if self.skip_data else data_of(trained)
        model, preprocessing = trained.load_model(), trained.load_preprocessing()
        published = exports.export(
            model,
            self.directory,
            class_names=trained.config["data"]["class_names"],
            preprocessing=preprocessing,
            signatures=self._signatures(),
            temperature=self._temperature(model, preprocessing, data),
            fold=self.fold,
            remove_dead_units=self.remove_dead_units,
            formats=self._formats(data),
            warmup=self.warmup,
            checks=checks_on(data),
            card=trained.card(),
            keep=self.keep,
        )
        if self.promote is not None:
            exports.promote(self.directory, published.version, self.promote)
        print(published)

    def _temperature(self, model: Any, preprocessing: Any, data: "Data | None") -> float:
        from .. import exports

        if self.temperature != "fit":
            return self.temperature
        if data is None:
            raise ValueError("--temperature fit needs data. Received: --skip-data")
        features, labels = rows_of(data, "validation", JUDGED_ROWS)
        return exports.fit_temperature(model.predict(preprocessing(features), verbose=0), labels)

    def _signatures(self) -> "list[str | Signature]":
        from .. import exports

        if self.uncertainty is None:
            return [*self.signatures]
        return [*self.signatures, exports.Uncertainty(samples=self.uncertainty)]

    def _formats(self, data: "Data | None") -> "list[str | Format]":
        from .. import exports

        if "litert_int8" not in self.formats:
            return [*self.formats]
        if data is None:
            raise ValueError("--formats litert_int8 needs data. Received: --skip-data")
        features, _ = rows_of(data, "train", _CALIBRATION_ROWS)
        calibrated = exports.LiteRT("int8", calibration={INPUT: features})
        return [calibrated if name == calibrated.name else name for name in self.formats]
