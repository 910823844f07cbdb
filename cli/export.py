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

__all__ = ["Export"]

FormatName = Literal[
    "litert", "litert_float16", "litert_dynamic", "litert_int8", "onnx", "openvino"
]

_CALIBRATED_ROWS = 200


@dataclasses.dataclass(kw_only=True)
class Export(Command):
    """Publish a trained model as a SavedModel that takes raw features.

    The next free version appears in the directory, whole, checked against the model and judged on
    the validation data of the run, or not at all.
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

    temperature: float | Literal["fit"] = 1.0
    """By which the logits are divided; fit: by what makes the validation data of the run the most
    probable."""

    fold: tyro.conf.FlagCreatePairsOff[bool] = False
    """Make batch normalization a part of the kernels before."""

    shrink: tyro.conf.FlagCreatePairsOff[bool] = False
    """Remove units that do nothing."""

    formats: tuple[FormatName, ...] = ()
    """What is written besides."""

    unjudged: tyro.conf.FlagCreatePairsOff[bool] = False
    """Leave out the gates that need the run's validation data, such as where it is not at hand."""

    warmup: tuple[int, ...] = (1,)
    """Batch sizes of the requests that a server asks each signature before it serves."""

    keep: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: every one)")
    ] = None
    """How many of the newest versions stay, besides those that have a label."""

    promote: Annotated[
        str | None, tyro.conf.arg(metavar="LABEL", help_behavior_hint="(default: none)")
    ] = None
    """The label that the version gets, such as stable."""

    def run(self) -> None:
        """Exports, and prints what was published."""
        from .. import exports, zoo
        from ..exports.publishing import check_label

        if self.promote is not None:
            check_label(self.promote)  # now, and not after all the work
        trained = zoo.Run.load(self.run_directory)
        data = None if self.unjudged else data_of(trained)
        model, preprocessing = trained.load_model(), trained.load_preprocessing()
        published = exports.export(
            model,
            self.directory,
            class_names=trained.config["data"]["class_names"],
            preprocessing=preprocessing,
            signatures=self._signatures(),
            temperature=self._temperature(model, preprocessing, data),
            fold=self.fold,
            shrink=self.shrink,
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
            raise ValueError("Expected data to fit the temperature to. Received: --unjudged")
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
            raise ValueError("Expected data to calibrate litert_int8 by. Received: --unjudged")
        features, _ = rows_of(data, "train", _CALIBRATED_ROWS)
        calibrated = exports.LiteRT("int8", calibration={INPUT: features})
        return [calibrated if name == calibrated.name else name for name in self.formats]
