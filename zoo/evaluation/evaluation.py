"""`Evaluation`: what a model is worth on data that it has not seen."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.checks import check_path, message
from ...core.text_table import blocks, table
from .attacked import Robustness
from .bootstrap import Interval
from .calibration import Calibration
from .conformal import Conformal
from .flatness import Flatness
from .inference import InferenceReport
from .outliers import OutlierDetection
from .selective import RiskCoverage
from .weights import KernelStatistics


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """The predictions of Monte Carlo dropout or of the members of an ensemble on the part.

    Args:
        of: "Monte Carlo dropout", see `mc_predict`, or "ensemble", see `ensemble_predict`.
        samples: The number of passes or members.
        scores: The scores of the task of the mean of the passes.
        entropy: The mean predictive entropy in nats, or `None` for a regression.
        mutual_information: The mean mutual information in nats, or `None` for a regression.
        standard_deviation: The mean standard deviation of the passes.
    """

    of: str
    samples: int
    scores: dict[str, float]
    entropy: float | None
    mutual_information: float | None
    standard_deviation: float


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of `zoo.evaluate`.

    Args:
        name: The name of the run or the model.
        data: The name of the data.
        task: The kind of the task.
        part: The part that is judged, such as "test".
        rows: The number of rows of each part.
        scores: The scores of the task on each part, by name, as intervals.
        gap: By how much each score is worse on the part than on the training part, as intervals;
            a negative value means that it is better.
        calibration: The calibration of the probabilities; `None` for a regression.
        conformal: The conformal sets or intervals, by method.
        risk_coverage: The risk-coverage curves of a classification by the confidence that orders
            the rows: "max_probability" and, where there is `uncertainty`, "predictive_entropy".
        uncertainty: The predictions of Monte Carlo dropout, with `samples`, or of the members of
            an ensemble.
        outliers: How outliers are told from the data, by score.
        robustness: The accuracy under attacks and corruptions, with `attack`.
        flatness: The sharpness of the minimum, with `flatness`.
        weights: The statistics of each kernel.
        inference: Whether predictions depend on their inputs alone.
        predictions: The targets and the predictions of a regression by the name of the target,
            each `(rows,)`, of at most 1,000 rows; for the picture.
        left_out: The sections that are missing, each with the reason.
        weights_digest: The SHA-256 of the weights of the model, by which an export knows that the
            evaluation is of it; `None` for an ensemble.
    """

    name: str
    data: str
    task: str
    part: str
    rows: dict[str, int]
    scores: dict[str, dict[str, Interval]]
    gap: dict[str, Interval] = field(default_factory=dict)
    calibration: Calibration | None = None
    conformal: dict[str, Conformal] = field(default_factory=dict)
    risk_coverage: dict[str, RiskCoverage] = field(default_factory=dict)
    uncertainty: Uncertainty | None = None
    outliers: dict[str, OutlierDetection] = field(default_factory=dict)
    robustness: Robustness | None = None
    flatness: Flatness | None = None
    weights: tuple[KernelStatistics, ...] = ()
    inference: InferenceReport | None = None
    predictions: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    weights_digest: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON values; an interval has `value`, `low` and `high`."""
        return {
            "name": self.name,
            "data": self.data,
            "task": self.task,
            "part": self.part,
            "rows": self.rows,
            "scores": {
                part: {name: each._asdict() for name, each in scores.items()}
                for part, scores in self.scores.items()
            },
            "gap": {name: each._asdict() for name, each in self.gap.items()},
            "calibration": self.calibration and self.calibration.to_dict(),
            "conformal": {name: asdict(each) for name, each in self.conformal.items()},
            "risk_coverage": {name: each.to_dict() for name, each in self.risk_coverage.items()},
            "uncertainty": self.uncertainty and asdict(self.uncertainty),
            "outliers": {
                name: {"auroc": each.auroc._asdict(), "fpr95": each.fpr95._asdict()}
                for name, each in self.outliers.items()
            },
            "robustness": self.robustness and self.robustness.to_dict(),
            "flatness": self.flatness and self.flatness.to_dict(),
            "weights": [asdict(each) for each in self.weights],
            "inference": self.inference and self.inference.to_dict(),
            "left_out": self.left_out,
            "weights_digest": self.weights_digest,
        }

    def save(self, directory: str | os.PathLike[str]) -> list[Path]:
        """Write `evaluation.json`, the card `evaluation.md` and its pictures; return the paths.

        The pictures are `reliability.png`, `risk_coverage.png` and `robustness.png`, where there is
        such a section, `flatness.png`, the loss along a direction, and `predictions.png` of a
        regression. Files of these names are replaced.
        """
        from .pictures import draw  # matplotlib is slow to import

        check_path("directory", directory)
        directory = Path(directory)
        if directory.exists() and not directory.is_dir():
            raise ValueError(message("directory", str(directory), "a directory or a new path"))
        directory.mkdir(parents=True, exist_ok=True)
        pictures = draw(self, directory)
        card, values = directory / "evaluation.md", directory / "evaluation.json"
        card.write_text(self._markdown([path.name for path in pictures]), "utf-8")
        values.write_text(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", "utf-8")
        return [values, card, *pictures]

    def __str__(self) -> str:
        parts = [f"{self.name} on {self.data} ({self.task}), judged on the {self.part} part"]
        for title, head, rows in self._tables():
            parts += [
                table(*block) for block in blocks((title[0].lower() + title[1:], *head[1:]), rows)
            ]
        parts += [f"{name} left out: {reason}" for name, reason in self.left_out.items()]
        return "\n\n".join(parts)

    def _markdown(self, pictures: list[str]) -> str:
        lines = [f"# {self.name} on {self.data}"]
        lines.append(
            f"Task: {self.task}. Judged on the {self.part} part. Intervals are 95% percentile "
            "intervals of the bootstrap over rows."
        )
        for title, head, rows in self._tables():
            lines += [f"## {title}", _markdown_table(head, rows)]
            drawn = [name for name in pictures if title.startswith(_SECTION_OF[name])]
            lines += [f"![{title}]({name})" for name in drawn]
        if self.left_out:
            lines += ["## Left out", _markdown_table(("section", "reason"), self.left_out.items())]
        return "\n\n".join(lines) + "\n"

    def _tables(self) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Any, ...]]]]:
        """Yield the title, head and rows of the table of each section."""
        parts = tuple(f"{part} ({self.rows[part]:,})" for part in self.scores)
        names = list(self.scores[self.part])
        rows = [
            (n, *(str(s[n]) for s in self.scores.values()), str(self.gap[n]) if self.gap else "")
            for n in names
        ]
        yield "Scores", ("score", *parts, "gap to train"), rows
        if self.calibration:
            found = {
                "calibration error, bins of equal width": self.calibration.error,
                "calibration error, bins of equal mass": self.calibration.adaptive_error,
                "Brier score": self.calibration.brier,
            }
            yield "Calibration", ("figure", "value"), [(n, str(i)) for n, i in found.items()]
        if self.conformal:
            head = ("method", "target", "coverage", "lowest coverage", "mean size", "calibration")
            yield "Conformal", head, [_conformal_row(each) for each in self.conformal.values()]
        if self.risk_coverage:
            head = ("confidence", "AURC", "excess", "risk at 80%", "risk at 100%")
            rows = [
                (name, f"{c.aurc:.4f}", f"{c.excess_aurc:.4f}", *_risks(c, "0.8", "1.0"))
                for name, c in self.risk_coverage.items()
            ]
            yield "Selective prediction", head, rows
        if self.uncertainty:
            title = f"Uncertainty: {self.uncertainty.of}"
            yield title, ("figure", "value"), _uncertainty_rows(self.uncertainty)
        if self.outliers:
            rows = [(name, str(o.auroc), str(o.fpr95)) for name, o in self.outliers.items()]
            head = ("score", "AUROC", "FPR at 95% TPR")
            yield f"Outliers ({self.rows['outliers']:,} rows)", head, rows
        if self.robustness:
            title = f"Robustness ({self.robustness.rows:,} rows)"
            yield title, ("inputs", "accuracy"), _robustness_rows(self.robustness)
        if self.flatness:
            title = f"Flatness ({self.flatness.rows:,} training rows)"
            yield title, ("figure", "value"), _flatness_rows(self.flatness)
        if self.weights:
            head = ("kernel", "shape", "norm", "spectral norm", "zeros", "effective rank")
            yield "Weights", head, [_weight_row(each) for each in self.weights]
        if self.inference:
            rows = [
                (each.name, "passed" if each.passed else "FAILED", each.detail)
                for each in self.inference.checks
            ]
            yield "Inference", ("check", "result", "detail"), rows


_SECTION_OF = {
    "predictions.png": "Scores",
    "reliability.png": "Calibration",
    "risk_coverage.png": "Selective prediction",
    "robustness.png": "Robustness",
    "flatness.png": "Flatness",
}


def _conformal_row(each: Conformal) -> tuple[str, ...]:
    least = min(each.by_name, key=lambda name: each.by_name[name])
    return (
        each.method,
        f"{each.target:.3f}",
        f"{each.coverage:.3f}",
        f"{each.by_name[least]:.3f} ({least})",
        f"{each.size:.4g}",
        f"{each.calibration_rows:,} rows, {each.calibrated_on}",
    )


def _flatness_rows(found: Flatness) -> list[tuple[str, str]]:
    rise = f"rise of the loss if the filters change by {found.rho:.0%}"
    return [
        ("largest eigenvalue of the Hessian", f"{found.eigenvalue.value:.4g}"),
        (f"{rise}, at random", f"{found.random:.3g}"),
        (f"{rise}, worst case", f"{found.worst:.3g}"),
    ]


def _risks(curve: RiskCoverage, *coverages: str) -> Iterator[str]:
    risks = curve.to_dict()["risk_at"]
    return (f"{risks[coverage]:.4f}" for coverage in coverages)


def _uncertainty_rows(found: Uncertainty) -> list[tuple[str, str]]:
    rows = [(f"{name} of the mean", f"{value:.4g}") for name, value in found.scores.items()]
    rows.append(("mean standard deviation", f"{found.standard_deviation:.4g}"))
    if found.entropy is not None:
        rows.append(("mean predictive entropy", f"{found.entropy:.4g}"))
    if found.mutual_information is not None:
        rows.append(("mean mutual information", f"{found.mutual_information:.4g}"))
    return [("passes", str(found.samples)), *rows]


def _robustness_rows(found: Robustness) -> list[tuple[str, str]]:
    within = f"l-infinity, epsilon {found.epsilon:g}"
    rows = [
        (f"PGD within {epsilon:g}", f"{accuracy:.4g}")
        for epsilon, accuracy in zip(found.curve.epsilons, found.curve.accuracies, strict=True)
    ]
    rows[0] = ("clean", rows[0][1])
    rows.append((f"AutoAttack ({within})", str(found.accuracy)))
    corruptions = found.corruptions
    rows += [(f"{kind}, mean of severities", f"{v:.4g}") for kind, v in corruptions.by_kind.items()]
    return [*rows, *(("note", note) for note in found.notes)]


def _weight_row(kernel: KernelStatistics) -> tuple[str, ...]:
    return (
        kernel.path,
        "x".join(map(str, kernel.shape)),
        f"{kernel.norm:.3g}",
        f"{kernel.spectral_norm:.3g}",
        f"{kernel.sparsity:.1%}",
        f"{kernel.effective_rank:.1f} of {kernel.full_rank}",
    )


def _markdown_table(head: Any, rows: Any) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ([str(cell).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
