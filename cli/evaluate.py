"""`occam evaluate`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from .command import Command
from .export import load_data_of


@dataclasses.dataclass(kw_only=True)
class EvaluateCommand(Command):
    """Judge a trained model on data that it has not seen.

    Prints the scores with intervals, the generalization gap, the calibration, the coverage of
    conformal prediction, the weights and a check of the inference, and writes evaluation.json, a
    card evaluation.md and pictures. The card of a later export has these figures.
    """

    run_directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="RUN")]]
    """Directory of a finished run of `occam train`."""

    directory: Annotated[
        Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: RUN/evaluation)")
    ] = None
    """Directory to write the evaluation into."""

    part: Literal["test", "validation", "train"] = "test"
    """Part of the data to judge the model on."""

    coverage: float = 0.9
    """Probability with which conformal sets and intervals cover the target."""

    samples: int = 0
    """Number of passes of Monte Carlo dropout; 0 for none."""

    outliers: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.npz", help_behavior_hint="(default: none)")
    ] = None
    """File with raw features of out-of-distribution samples, as array x."""

    attack: Annotated[
        float | None, tyro.conf.arg(metavar="EPSILON", help_behavior_hint="(default: none)")
    ] = None
    """Largest change of a feature by an adversary, in standard deviations; attacks a classifier."""

    flatness: bool = False
    """Measure the sharpness of the minimum."""

    bootstrap: int = 1000
    """Number of bootstrap samples for the intervals; 0 for none."""

    seed: int = 0
    """Seed of the bootstrap, of the adaptive sets and of the passes."""

    def run(self) -> None:
        from .. import zoo

        run = zoo.Run.load(self.run_directory)
        outliers = None if self.outliers is None else _read(self.outliers)
        directory = self.directory or self.run_directory / "evaluation"
        directory.mkdir(parents=True, exist_ok=True)  # before minutes of work
        data = load_data_of(run, otherwise="Call occam.zoo.evaluate in Python.")
        found = zoo.evaluate(
            run,
            data,
            part=self.part,
            coverage=self.coverage,
            samples=self.samples,
            outliers=outliers,
            attack=self.attack,
            flatness=self.flatness,
            bootstrap=self.bootstrap,
            seed=self.seed,
        )
        written = found.save(directory)
        print(f"{found}\n\nWritten: {', '.join(map(str, written))}")


def _read(path: Path) -> Any:
    import numpy as np

    if not path.is_file():
        found = "is a directory" if path.is_dir() else "does not exist"
        expected = "`--outliers` must be an .npz file with an array x"
        raise ValueError(f"{expected}. Received: {path}, which {found}")
    with np.load(path) as arrays:
        if "x" not in arrays:
            raise ValueError(f"{path} must hold an array x. Received: {', '.join(arrays)}")
        return arrays["x"]
