"""`Comparison`: the groups of runs, their differences, and the verdicts in words."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas

from ...core.text_table import counted
from ..tasks import TASKS
from . import curves, report
from .groups import Group, Seed
from .paired import Difference

_UP = {name for task in TASKS.values() for name in (*task.scores_up, task.metric)} - {"data_loss"}
_DOWN = ("loss", "error", "mae", "mse", "rmse")  # the ends of names to minimize


@dataclass(frozen=True)
class Contrast:
    """The comparison of a group with another one.

    Args:
        name: The name of the group, or what it adds: "dropout=0.1 on top of l2=0.001".
        group: The name of the group.
        against: The name of the group that is subtracted.
        seeds: The seeds that both groups have.
        differences: The paired difference of each quantity.
        p_holm: The p-value of the score with Holm's correction for all comparisons. `None` without
            an interval.
    """

    name: str
    group: str
    against: str
    seeds: tuple[Seed, ...]
    differences: dict[str, Difference]
    p_holm: float | None = None


@dataclass(frozen=True, repr=False)
class Comparison:
    """The result of `compare`. Its text has the tables and the verdicts.

    Args:
        data: The name of the data.
        task: The kind of the task.
        part: The part of the data that the scores are of.
        score: The score that the verdicts are about.
        confidence: The coverage of the intervals.
        groups: The groups, the baseline first.
        contrasts: The comparisons of groups.
        left_out: The directories of runs that are not finished.
        notes: What a reader of the figures should know: package versions and seeds that differ.
    """

    data: str
    task: str
    part: str
    score: str
    confidence: float
    groups: tuple[Group, ...]
    contrasts: tuple[Contrast, ...]
    left_out: tuple[Path, ...]
    notes: tuple[str, ...]

    @property
    def baseline(self) -> Group:
        """The group that the others are compared with."""
        return self.groups[0]

    @property
    def quantities(self) -> list[str]:
        """The names of the quantities that all groups have, the most important first."""
        first, *others = (group.figures for group in self.groups)
        common = [name for name in first if all(name in figures for figures in others)]
        order = [self.score, "data_loss", f"gap_{self.score}", "gap_data_loss", "epochs", "seconds"]
        order = [name for name in dict.fromkeys(order) if name in common]
        return [*order, *(name for name in common if name not in order)]

    def shown(self, contrast: Contrast) -> bool:
        """Return whether the pairs show a difference of the score, at Holm's corrected level."""
        return contrast.p_holm is not None and contrast.p_holm <= 1 - self.confidence

    def verdict(self, contrast: Contrast) -> str:
        """Return a comparison in words, such as "dropout=0.1: nothing that 5 pairs could show"."""
        difference, score = contrast.differences[self.score], self.score
        pairs = counted(difference.pairs, "pair")
        if difference.mean is None:
            return f"{contrast.name}: no seed in common with {contrast.against}, so no comparison"
        value = f"{score} {report.signed(difference)}"
        if difference.error is None:
            return f"{contrast.name}: {value} in 1 pair, which has no interval"
        if difference.p is None:
            return f"{contrast.name}: {value} in each of {pairs}, which gives no interval"
        p = report.p_value(contrast.p_holm, "p ")
        if not self.shown(contrast):
            return f"{contrast.name}: nothing that {pairs} could show ({value}, {p})"
        better = _direction(score) * difference.mean
        word = {True: "better, ", False: "worse, "}[better > 0] if better else ""
        return f"{contrast.name}: {value} over {pairs} ({word}{p})"

    @property
    def verdicts(self) -> list[str]:
        """All comparisons in words."""
        return [self.verdict(contrast) for contrast in self.contrasts]

    def __str__(self) -> str:
        return report.text(self)

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.groups)} groups on {self.data}>"

    def to_markdown(self) -> str:
        """Return the tables and the verdicts as Markdown."""
        return report.markdown(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values: figures by run, differences and verdicts."""
        groups = [
            {
                "name": group.name,
                "settings": group.settings,
                "seeds": [seed._asdict() for seed in group.runs],
                "directories": [r.directory and str(r.directory) for r in group.runs.values()],
                "figures": {
                    name: dict(zip(("mean", "error"), group.mean(name), strict=True))
                    | {"values": values}
                    for name, values in group.figures.items()
                },
            }
            for group in self.groups
        ]
        contrasts = [
            {
                "name": each.name,
                "group": each.group,
                "against": each.against,
                "seeds": [seed._asdict() for seed in each.seeds],
                "differences": {name: asdict(d) for name, d in each.differences.items()},
                "p_holm": each.p_holm,
                "shown": self.shown(each),
                "verdict": self.verdict(each),
            }
            for each in self.contrasts
        ]
        named = {name: getattr(self, name) for name in ("data", "task", "part", "score")}
        return {
            **named,
            "confidence": self.confidence,
            "baseline": self.baseline.name,
            "groups": groups,
            "contrasts": contrasts,
            "left_out": [str(path) for path in self.left_out],
            "notes": list(self.notes),
        }

    def table(self) -> pandas.DataFrame:
        """Return a row for each group, by name.

        The columns are the settings, the number of `runs`, the mean of each quantity with its
        standard error (`accuracy`, `accuracy_error`, ...), and the difference of the score from
        the baseline: `pairs`, `difference`, `difference_error`, `low`, `high` and `p_holm`.
        """
        by_group = {c.group: c for c in self.contrasts if c.against == self.baseline.name}
        rows = []
        for group in self.groups:
            row: dict[str, Any] = {**group.settings, "runs": len(group.runs)}
            for name in self.quantities:
                row[name], row[f"{name}_error"] = group.mean(name)
            if contrast := by_group.get(group.name):
                difference = contrast.differences[self.score]
                row["pairs"] = difference.pairs
                row |= {"difference": difference.mean, "difference_error": difference.error}
                row |= {"low": difference.low, "high": difference.high, "p_holm": contrast.p_holm}
            rows.append(row)
        index = pandas.Index([group.name for group in self.groups], name="group")
        return pandas.DataFrame(rows, index=index)

    def plot(self, path: str | os.PathLike[str]) -> Path:
        """Draw the learning curves of the groups, as the mean over seeds with its standard error.

        There is a panel for the validation data loss, for the score and for the gap of the loss, if
        they were logged. A curve ends with the shortest run of its group: from there on, the mean
        would be of other seeds.

        Args:
            path: The file, *.png, *.svg or *.pdf.

        Returns:
            The path of the file.

        Raises:
            ValueError: If `path` has another ending, or the runs have no values to draw.
        """
        return curves.plot(self, path)

    def write_tensorboard(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write the curves of each group for TensorBoard, with a band on the Custom Scalars page.

        Each group is a run with three scalars for each logged value: `val_data_loss/mean`, and
        `low` and `high`, one standard error below and above it.

        Args:
            directory: A new directory, or one without TensorBoard logs.

        Returns:
            The directories of the groups.

        Raises:
            ValueError: If there are TensorBoard logs in `directory`.
        """
        return curves.write_tensorboard(self, directory)


def _direction(score: str) -> int:
    """Return 1 for a score to maximize, -1 for one to minimize, 0 for another metric of a user."""
    if score in _UP:
        return 1
    return -1 if score.endswith(_DOWN) else 0
