"""Measure the test accuracy of the zoo's models on the embedded data, over several seeds.

    python -m benchmarks.models [PATTERN] [--seeds 5] [--workers 2] [--directory DIR] [--write]

Each model is trained without regularization and with one of its tiers, without early stopping. The
test part is read once per run, at its end. PATTERN selects models by name. `--write` stores the
best figure of each model in the package's `measured.json`, from which `occam models` shows it.
Takes an hour on two cores.
"""

import argparse
import json
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from statistics import mean
from typing import Any

from occam import zoo
from occam.core.statistics import standard_error
from occam.core.text_table import table
from occam.zoo.models.card import MEASURED

from .runs import Job, figure, run_all


@dataclass(frozen=True, eq=False)  # holds dictionaries, so it is hashed by identity
class Budget:
    """The training of a model on a dataset, with some of its tiers.

    Args:
        model: Name of the model.
        data: Name of the dataset.
        tiers: Epochs of each tier; augmented samples need more of them.
        learning_rate: Peak learning rate.
        options: Options of the architecture.
        image_size: Height and width in pixels to which images are resized.
    """

    model: str
    data: str
    tiers: dict[str, int]
    learning_rate: float = 5e-3
    options: dict[str, Any] | None = None
    image_size: tuple[int, int] | None = None


BUDGETS = (
    Budget("mlp", "mnist1d", {"none": 100, "strong": 400}),
    Budget("cnn1d", "mnist1d", {"none": 60, "medium": 150}, learning_rate=1e-2),
    Budget("resnet1d", "mnist1d", {"none": 30, "medium": 30}),
    Budget("gru", "mnist1d", {"none": 60, "medium": 80}, learning_rate=1e-2),
    Budget("tabular_resnet", "breast_cancer", {"none": 40, "medium": 40}, learning_rate=2e-3),
    Budget("ft_transformer", "breast_cancer", {"none": 20, "medium": 20}, learning_rate=5e-4),
    Budget("resnet20", "digits", {"medium": 30}),
    Budget("tcn", "mnist1d", {"none": 30, "medium": 50}),
    Budget("lenet", "digits", {"none": 30, "medium": 40}, image_size=(16, 16)),
    Budget("wide_resnet16_4", "digits", {"none": 20, "medium": 30}, options={"width": 4}),
    Budget(
        "convnext_tiny",
        "digits",
        {"none": 30, "medium": 40},
        learning_rate=2e-3,
        options={
            "patch_size": 1,
            "depths": (1, 1, 2, 1),
            "widths": (16, 32, 64, 64),
            "layer_scale": 0.1,
        },
    ),
    Budget(
        "vit_tiny",
        "digits",
        {"none": 30, "medium": 60},
        learning_rate=2e-3,
        options={"patch_size": 2, "width": 48, "depth": 4, "heads": 3},
    ),
    Budget(
        "mixer_s16",
        "digits",
        {"none": 30, "medium": 60},
        learning_rate=2e-3,
        options={
            "patch_size": 2,
            "width": 64,
            "depth": 4,
            "tokens_units": 32,
            "channels_units": 128,
        },
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--directory", type=Path, default=Path("build/models"))
    parser.add_argument("--write", action="store_true", help="store the figures in the package")
    arguments = parser.parse_args()
    jobs = {
        (budget, tier): [job(budget, tier, seed) for seed in range(arguments.seeds)]
        for budget in BUDGETS
        if fnmatch(budget.model, arguments.pattern)
        for tier in budget.tiers
    }
    todo = [each for group in jobs.values() for each in group]
    results = run_all(todo, arguments.directory, arguments.workers)
    print(report(jobs, results))
    if arguments.write:
        measured = {**json.loads(MEASURED.read_text()), **best(jobs, results)}
        MEASURED.write_text(json.dumps(measured, indent=2) + "\n")


def job(budget: Budget, tier: str, seed: int) -> Job:
    return Job(
        name=f"{budget.model}-{budget.data}/{tier}-{seed}",
        model=budget.model,
        data=budget.data,
        regularization=zoo.preset(budget.model, tier),
        epochs=budget.tiers[tier],
        seed=seed,
        options=budget.options or {},
        learning_rate=budget.learning_rate,
        image_size=budget.image_size,
    )


def report(jobs, results) -> str:
    rows = []
    for (budget, tier), group in jobs.items():
        parts = (
            [results[each][part] for each in group] for part in ("train", "validation", "test")
        )
        seconds = mean(results[each]["seconds"] for each in group)
        figures = (*map(figure, parts), f"{seconds:.0f}")
        rows.append((budget.model, budget.data, tier, str(budget.tiers[tier]), *figures))
    head = ("model", "data", "tier", "epochs", "train", "validation", "test", "seconds per run")
    return table(head, rows)


def best(jobs, results) -> dict[str, dict[str, Any]]:
    """Return the test accuracy of each model with the tier of the best validation accuracy."""
    measured: dict[str, dict[str, Any]] = {}
    for (budget, tier), group in jobs.items():
        validation, test = (
            [results[each][part] for each in group] for part in ("validation", "test")
        )
        about = {
            "data": budget.data,
            "tier": tier,
            "epochs": budget.tiers[tier],
            "seeds": len(group),
            "validation": round(mean(validation), 4),
            "accuracy": round(mean(test), 4),
            "standard_error": round(standard_error(test), 4),
        }
        known = measured.get(budget.model)
        if known is None or about["validation"] > known["validation"]:
            measured[budget.model] = about
    return measured


if __name__ == "__main__":
    main()
