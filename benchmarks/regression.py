"""Compare regressions with linear models and gradient boosting, on the same folds in one run.

    python -m benchmarks.regression [--data diabetes] [--model mlp] [--repeats 10] [--folds 5]

Every method learns from the same training rows. Zoo models train for all epochs, without early
stopping, so that no row is held out from them; their validation part is the training part.
A figure is the mean R2 over all folds with its standard error over the repeats, whose folds differ.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from statistics import mean, stdev
from typing import Any

import keras
import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LassoCV, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from occam import zoo
from occam.core.text_table import table

Fold = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="diabetes", choices=("diabetes", "friedman1"))
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--tiers", nargs="*", default=["none", "light", "medium", "strong"])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=100)
    arguments = parser.parse_args()
    methods: dict[str, Callable[[Fold], np.ndarray]] = {
        "RidgeCV": lambda fold: linear(RidgeCV(np.logspace(-3, 3, 25)), fold),
        "LassoCV": lambda fold: linear(LassoCV(max_iter=10_000), fold),
        "gradient boosting": lambda fold: linear(GradientBoostingRegressor(random_state=0), fold),
    }
    for tier in arguments.tiers:
        methods[f"{arguments.model} {tier}"] = lambda fold, tier=tier: network(
            arguments.model, tier, fold, arguments.epochs
        )
    scores: dict[str, list[float]] = defaultdict(list)
    for repeat in range(arguments.repeats):
        folds = list(split(arguments.data, arguments.folds, repeat))
        for name, predict in methods.items():
            scores[name].append(mean(r2_score(fold[3], predict(fold)) for fold in folds))
            print(f"repeat {repeat + 1}, {name}: {scores[name][-1]:.4f}", flush=True)
    rows = [
        (name, f"{mean(values):.4f}", f"{stdev(values) / len(values) ** 0.5:.4f}")
        for name, values in scores.items()
        if len(values) > 1
    ]
    print(table(("method", "R2", "standard error"), rows))


def split(name: str, folds: int, seed: int) -> Iterator[Fold]:
    """Yield the training and test rows of each fold, of the raw table."""
    splits: Any = zoo.load_data(name).raw_splits
    x = np.concatenate([part.features for part in splits.values()])
    y = np.concatenate([part.targets for part in splits.values()])[:, 0]
    if name == "friedman1":  # its test part is large: train on the 500 rows of the paper's size
        x, y = x[:500], y[:500]
    for train, test in KFold(folds, shuffle=True, random_state=seed).split(x):
        yield x[train], y[train], x[test], y[test]


def linear(model, fold: Fold) -> np.ndarray:
    x, y, x_test, _ = fold
    return make_pipeline(StandardScaler(), model).fit(x, y).predict(x_test)


def network(name: str, tier: str, fold: Fold, epochs: int) -> np.ndarray:
    x, y, x_test, y_test = fold
    keras.backend.clear_session()
    parts = {"validation": (x, y), "test": (x_test, y_test)}
    data = zoo.load_data((x, y), **parts, task="regression", batch_size=32)
    model = zoo.create_model(name, data=data, regularization=tier, seed=0)
    budget = {"epochs": epochs, "learning_rate": 1e-3, "patience": None}
    zoo.train(model, data, **budget, train_eval=0, verbose=0)
    return model.predict(data.preprocessing(x_test), verbose=0)[:, 0]


if __name__ == "__main__":
    main()
