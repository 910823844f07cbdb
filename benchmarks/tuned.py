"""Compare a tuned Regularization with the tiers, on test rows that the search did not see.

    python -m benchmarks.tuned [--data mnist1d digits ...] [--model mlp] [--trials 40] [--seeds 5]

`tuning.tune` searches with its defaults on the training and validation part. Then the choice and
the tiers train with the same budget on fresh seeds, which are the same for all, and are judged on
the test part: accuracy, or R2 of regressions. A difference is that to `medium`, in pairs by seed.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from statistics import mean
from typing import Any

import keras

from occam import tuning, zoo
from occam.core.text_table import table

from .runs import figure

DATA = ("mnist1d", "digits", "breast_cancer", "diabetes")
FRESH = 100  # the first seed of the final trainings; the search has smaller ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=DATA)
    parser.add_argument("--model", default="mlp")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.data:
        data = zoo.load_data(name)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as directory:
            found = tuning.tune(
                arguments.model,
                data,
                directory=directory,
                max_trials=arguments.trials,
                epochs=arguments.epochs,
                resources=tuning.Resources(arguments.workers),
            )
        seconds = time.perf_counter() - began
        print(found, f"{seconds:.0f} s", sep="\n", flush=True)
        candidates: dict[str, Any] = {"none": "none", "medium": "medium"}
        candidates["tuned"] = found.regularization
        scores = {
            key: scores_of(arguments, data, regularization)
            for key, regularization in candidates.items()
        }
        gains = [one - other for one, other in zip(scores["tuned"], scores["medium"], strict=True)]
        cells = [figure(values) for values in scores.values()]
        rows.append((name, *cells, figure(gains, sign="+"), f"{seconds:.0f} s"))
    header = ("data", "none", "medium", "tuned", "tuned - medium", "search")
    print(table(header, rows))


def scores_of(
    arguments: argparse.Namespace, data: zoo.Data, regularization: Any
) -> Sequence[float]:
    """Return the score on the test part after a training with each of the fresh seeds."""
    scores = []
    for seed in range(FRESH, FRESH + arguments.seeds):
        keras.backend.clear_session()
        model = zoo.create_model(
            arguments.model, data=data, regularization=regularization, seed=seed
        )
        run = zoo.train(
            model, data, epochs=arguments.epochs, learning_rate=5e-3, seed=seed, verbose=0
        )
        scores.append(run.result["test"][data.task.scores_up[0]])
    print(f"{regularization}: {mean(scores):.3f}", flush=True)
    return scores


if __name__ == "__main__":
    main()
