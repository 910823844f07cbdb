"""Measure how many weights `ProximalPenalty` sets to zero, and the change in accuracy.

    python -m benchmarks.sparsity [--model mlp] [--data mnist1d] [--tier none] [--epochs 40]
        [--seeds 5]

Each penalty is trained with the same seeds, budget and tier, without early stopping: none, L1 on
the kernels, and group lasso on the hidden units. The last third of the epochs trains without the
penalty (debiasing). Differences are taken seed by seed. A unit is dead if all weights into it are
zero. The test part is read once per run, at its end.
"""

import argparse
from collections.abc import Iterator
from statistics import mean
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from occam import zoo
from occam.callbacks import ProximalPenalty
from occam.callbacks.sparsity.kernels import select_kernels
from occam.core.text_table import table

from .runs import figure

WAYS: dict[str, dict[str, Any]] = {
    "none": {},
    "l1=0.05": {"l1": 0.05},
    "l1=0.1": {"l1": 0.1},
    "group_lasso=0.1": {"group_lasso": 0.1, "exclude": ["logits"]},
}
DEBIASED = 1 / 3  # share of the epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--data", default="mnist1d")
    parser.add_argument("--tier", default="none")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    jobs = [(way, seed) for way in WAYS for seed in range(arguments.seeds)]
    results = {(way, seed): run(WAYS[way], arguments, seed) for way, seed in tqdm(jobs, unit="run")}
    head = ("penalty", "zeros", "dead units", "validation", "test", "test, difference")
    print(table(head, list(rows(results, arguments.seeds))))


def rows(results: dict[tuple[str, int], dict[str, float]], seeds: int) -> Iterator[tuple[str, ...]]:
    for way in WAYS:
        runs = [results[way, seed] for seed in range(seeds)]
        columns = [figure([each[name] for each in runs]) for name in ("validation", "test")]
        losses = [each["test"] - results["none", s]["test"] for s, each in enumerate(runs)]
        shares = [f"{mean(each[name] for each in runs):.1%}" for name in ("zeros", "dead units")]
        yield way, *shares, *columns, figure(losses, "+") if way != "none" else ""


def run(penalty: dict[str, Any], arguments: argparse.Namespace, seed: int) -> dict[str, float]:
    """Train once; return accuracies and the shares of zeros and of dead hidden units."""
    keras.backend.clear_session()
    data = zoo.load_data(arguments.data)
    model = zoo.create_model(
        arguments.model,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=zoo.preset(arguments.model, arguments.tier),
        seed=seed,
    )
    start = round(arguments.epochs * (1 - DEBIASED))
    callbacks = [ProximalPenalty(**penalty, debias_from=start)] if penalty else []
    kept = zoo.train(
        model,
        data,
        epochs=arguments.epochs,
        patience=None,
        train_eval=0,
        seed=seed,
        callbacks=callbacks,
        verbose=0,
    )
    accuracies = {part: kept.result[part]["accuracy"] for part in ("validation", "test")}
    return {**accuracies, **zeros(model)}


def zeros(model: keras.Model) -> dict[str, float]:
    """Return the share of exact zeros in the kernels, and of dead hidden units."""
    kernels = [np.asarray(keras.ops.convert_to_numpy(k.variable)) for k in select_kernels(model)]
    units = [~each.reshape(-1, each.shape[-1]).any(0) for each in kernels[:-1]]
    share = sum(int((each == 0).sum()) for each in kernels) / sum(each.size for each in kernels)
    return {"zeros": share, "dead units": float(np.concatenate(units).mean())}


if __name__ == "__main__":
    main()
