"""`occam compare`."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Literal

import tyro

from .command import Command


@dataclasses.dataclass(kw_only=True)
class CompareCommand(Command):
    """Compare runs of several configurations and seeds.

    Runs that differ in nothing but seeds are a group. Each group is compared with the baseline, and
    with the groups that it adds something to, by the differences of runs with the same seeds.
    """

    runs: tyro.conf.Positional[
        Annotated[
            tuple[Path, ...], tyro.conf.arg(metavar="RUN ...", help_behavior_hint="(required)")
        ]
    ]
    """Directories of runs. A directory of several runs stands for all finished ones in it."""

    score: Annotated[
        str | None,
        tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: the task's first)"),
    ] = None
    """Score that the verdicts are about, such as accuracy, r2 or data_loss."""

    part: Literal["test", "validation"] = "test"
    """Part of the data that the scores are of."""

    baseline: Annotated[
        str | None,
        tyro.conf.arg(
            metavar="NAME",
            help_behavior_hint="(default: the group without regularization, or else the first)",
        ),
    ] = None
    """Name of the group to compare with, as the table has it."""

    confidence: float = 0.95
    """Coverage of the intervals; the verdicts have the rest as their error rate."""

    json: bool = False
    """Print everything as JSON."""

    markdown: bool = False
    """Print the tables as Markdown."""

    plot: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: none)")
    ] = None
    """Draw the learning curves into this .png, .svg or .pdf file as well."""

    tensorboard: Annotated[
        Path | None, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: none)")
    ] = None
    """Write the mean curves for TensorBoard into this new directory as well."""

    def run(self) -> None:
        if self.json and self.markdown:
            raise ValueError("Give either `--json` or `--markdown`, not both.")
        from .. import zoo

        comparison = zoo.compare(
            self.runs,
            score=self.score,
            part=self.part,
            baseline=self.baseline,
            confidence=self.confidence,
        )
        if self.plot is not None:
            comparison.plot(self.plot)
        if self.tensorboard is not None:
            comparison.write_tensorboard(self.tensorboard)
        if self.json:
            print(json.dumps(comparison.to_dict(), indent=2))
        else:
            print(comparison.to_markdown() if self.markdown else comparison)
