"""`occam lint`: the linter for saved models."""

import dataclasses
import json
import os
import textwrap
import warnings
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import tyro

from .command import Command

if TYPE_CHECKING:
    from ..zoo import Finding

_WIDTH = 80
_SHOWN = 8  # layers of one kind of finding; json has them all


@dataclasses.dataclass(kw_only=True)
class LintCommand(Command):
    """Find mistakes in the regularization of a saved Keras model.

    Exit status: 0 nothing found, 1 something found, 2 wrong usage or a model that cannot be
    loaded. Rules that need the callbacks of `fit` work from Python only: `occam.zoo.lint`.
    """

    failure: ClassVar[int] = 2

    model: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="MODEL.keras")]]
    """File of the model."""

    format: Literal["text", "json"] = "text"
    """json prints a list of objects with code, path, why and fix."""

    ignore: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="CODE ...", help_behavior_hint="(default: none)")
    ] = ()
    """Codes of rules to leave out."""

    compiled: bool = True
    """Check the optimizer and the loss as well."""

    batch_size: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of samples that a BatchNorm sees at once in training."""

    steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of training steps before the first validation."""

    targets: Literal["hard", "smoothed", "mixed", "distilled"] = "hard"
    """Kind of the labels in training."""

    for_export: bool = False
    """model.export() will be called."""

    expect_zeros: bool = False
    """Weights should become exactly 0."""

    def run(self) -> int:
        from ..zoo import lint

        findings = lint(
            _load(self.model, compile=self.compiled),
            compiled=self.compiled,
            batch_size=self.batch_size,
            steps=self.steps,
            targets=self.targets,
            for_export=self.for_export,
            expect_zeros=self.expect_zeros,
            ignore=self.ignore,
        )
        as_json = self.format == "json"
        text = json.dumps([f.to_dict() for f in findings], indent=2) if as_json else _text(findings)
        try:
            print(text, flush=True)
        except BrokenPipeError:  # as in `| head`; the exit status stays
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1 if findings else 0


def _load(path: Path, *, compile: bool) -> Any:
    """Load the model in safe mode, or raise an error with the first cause only."""
    import keras

    from ..zoo import training  # noqa: F401  (registers the classes of our models)

    if not path.is_file():
        raise FileNotFoundError(f"Could not load {path}: it does not exist, or is not a file.")
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(f"Could not load {path}: it is not a .keras file of `model.save`.")
    with warnings.catch_warnings():
        # Keras warns of a model that was never trained; the optimizer's state does not matter.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        try:
            return keras.saving.load_model(path, compile=compile, safe_mode=True)
        except Exception as error:
            raise ValueError(f"Could not load {path}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = str(error).strip('"')
    if "Requested the deserialization of a" in text and "lambda" in text:
        hint = "" if "`Lambda` layer" in text else ", or give --no-compiled if only the loss is one"
        return (
            "it has a Python lambda, which could run any code. If you trust it, load it yourself "
            f"and call occam.zoo.lint{hint}"
        )
    if text.startswith("Could not locate"):
        missing = text.split(".")[0].removeprefix("Could not locate ")
        return f"it needs {missing}. Import that, load the model, and call occam.zoo.lint"
    return text.split("Full object config")[0].strip() or type(error).__name__


def _text(findings: "list[Finding]") -> str:
    """Return each kind of finding once, with its first layers."""
    paths: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for finding in findings:
        paths[finding.code, finding.why, finding.fix].append(finding.path)
    options = {"subsequent_indent": " " * 8, "break_long_words": False, "break_on_hyphens": False}
    lines = []
    for (code, why, fix), where in paths.items():
        more = f" and {len(where) - _SHOWN} more" if len(where) > _SHOWN else ""
        names = ", ".join(where[:_SHOWN]) + more
        for indent, text in ((f"{code}  ", names), ("  why:  ", why), ("  fix: ", fix)):
            lines.append(textwrap.fill(text, _WIDTH, initial_indent=indent, **options))
        lines.append("")
    number = {0: "no findings", 1: "1 finding"}.get(len(findings), f"{len(findings)} findings")
    return "\n".join([*lines, number])
