"""Train on five series of the UCR archive with all defaults; print test accuracies.

    python -m benchmarks.series [--models mlp resnet1d] [--tiers none medium] [--seeds 3]
                                [--directory series]

The data is shipped by aeon (`pip install 'keras-occam[ucr]'`), with the training and test part of
the archive; a tenth of the training part is held out for validation. Runs are kept in the
directory, so that an interrupted command resumes. Published: MLP and ResNet of Ismail Fawaz et al.,
Deep Learning for Time Series Classification: a Review, 2019,
https://doi.org/10.1007/s10618-019-00619-1
"""

import argparse
from pathlib import Path
from statistics import mean, stdev

import keras

from occam import zoo
from occam.core.text_table import table

PUBLISHED = {
    "ACSF1": {"mlp": 0.558, "resnet1d": 0.916},
    "ArrowHead": {"mlp": 0.784, "resnet1d": 0.838},
    "GunPoint": {"mlp": 0.928, "resnet1d": 0.991},
    "ItalyPowerDemand": {"mlp": 0.953, "resnet1d": 0.963},
    "OSULeaf": {"mlp": 0.560, "resnet1d": 0.980},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="*", default=["mlp", "resnet1d"])
    parser.add_argument("--tiers", nargs="*", default=["none", "medium"])
    parser.add_argument("--sets", nargs="*", default=list(PUBLISHED))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=Path("series"))
    arguments = parser.parse_args()
    rows = []
    for model in arguments.models:
        found: dict[str, list[float]] = {tier: [] for tier in arguments.tiers}
        for name in arguments.sets:
            row = [model, name, f"{PUBLISHED[name][model]:.3f}" if model in PUBLISHED[name] else ""]
            for tier in arguments.tiers:
                runs = [
                    accuracy(name, model, tier, seed, arguments.directory)
                    for seed in range(arguments.seeds)
                ]
                found[tier].append(mean(runs))
                row.append(with_error(runs))
                print(*row, flush=True)
            rows.append(row)
        published = [values[model] for values in PUBLISHED.values() if model in values]
        known = f"{mean(published):.3f}" if published else ""
        rows.append([model, "mean", known, *(f"{mean(values):.3f}" for values in found.values())])
    print(table(("model", "data", "published", *arguments.tiers), rows))


def accuracy(name: str, model: str, tier: str, seed: int, directory: Path) -> float:
    """Train with all defaults, or read the finished run, and return its test accuracy."""
    keras.backend.clear_session()
    data = zoo.load_data(f"ucr/{name}", seed=seed)
    network = zoo.create_model(model, data=data, regularization=tier, seed=seed)
    log_dir = directory / name / f"{model}-{tier}-{seed}"
    run = zoo.train(network, data, log_dir=log_dir, seed=seed, verbose=0)
    return run.result["test"]["accuracy"]


def with_error(values: list[float]) -> str:
    """Return the mean, and its standard error if there are several values."""
    error = f" ± {stdev(values) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{error}"


if __name__ == "__main__":
    main()
