"""Measure what `exports.shrink` gains on an `mlp` trained with group sparsity on mnist1d.

    python -m benchmarks.shrink [--units 1024 1024] [--tier light] [--epochs 100]
        [--strength 0.035] [--seeds 3] [--rounds 2000]

For each seed the same model is trained twice, without and with `callbacks.ProximalPenalty`, whose
group lasso sets all weights of a unit to 0 at once. In the second half of the epochs the remaining
weights are trained without the penalty. Test accuracies of both models are compared. Both are
exported, and the sparse one also after `exports.shrink`. In each round each SavedModel answers one
request of one row, in turn and in one process, and ratios of times are taken.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import mean, median

import keras
import numpy as np
import tensorflow as tf

from occam import callbacks, exports, zoo
from occam.core.text_table import table

from .timing import file_size, time_in_turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, nargs="+", default=(1024, 1024))
    parser.add_argument("--tier", default="light", help="regularization of both models")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--strength", type=float, default=0.035, help="strength of the group lasso")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2000)
    arguments = parser.parse_args()
    data = zoo.load_data("mnist1d")
    results = [compare(data, arguments, seed) for seed in range(arguments.seeds)]
    head = ("seed", "accuracy", "sparse", "hidden units", "parameters")
    print(table(head, list(accuracy_rows(results))))
    head = ("SavedModel", "bytes", "batch-1 p50", "p99", "ratio to plain")
    print(table(head, list(latency_rows(results))))
    gained = mean(r["sparse accuracy"] - r["accuracy"] for r in results)
    smaller = min(r["bytes"]["plain"] / r["bytes"]["shrunk"] for r in results)
    faster = min(1 / r["ratios"]["shrunk"] for r in results)
    print(f"accuracy {100 * gained:+.1f} points; in the seed with the smallest gain:")
    print(f"{smaller:.1f} times smaller and {faster:.2f} times faster")


def compare(data: zoo.Data, arguments: argparse.Namespace, seed: int) -> dict:
    plain, accuracy = train_model(data, arguments, seed, [])
    penalty = callbacks.ProximalPenalty(
        group_lasso=arguments.strength,
        exclude="logits",
        debias_from=arguments.epochs // 2,
    )
    sparse, sparse_accuracy = train_model(data, arguments, seed, [penalty])
    shrunk, report = exports.shrink(sparse)
    models = {"plain": plain, "sparse": sparse, "shrunk": shrunk}
    with tempfile.TemporaryDirectory() as directory:
        paths = {
            name: exports.export(model, Path(directory, name), task="classification").path
            for name, model in models.items()
        }
        times = latencies(paths, data, arguments.rounds)
        sizes = {name: file_size(path) for name, path in paths.items()}
    return {
        "accuracy": accuracy,
        "sparse accuracy": sparse_accuracy,
        "units": [layer.units for layer in shrunk.layers if isinstance(layer, keras.layers.Dense)],
        "parameters": (report.parameters_before, report.parameters_after),
        "bytes": sizes,
        "times": times,
        "ratios": {name: float(np.median(t / times["plain"])) for name, t in times.items()},
    }


def train_model(
    data: zoo.Data,
    arguments: argparse.Namespace,
    seed: int,
    more: list[keras.callbacks.Callback],
) -> tuple[keras.Model, float]:
    """Train a model; return it and its accuracy on the test data."""
    model = zoo.create_model(
        "mlp",
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=arguments.tier,
        seed=seed,
        units=tuple(arguments.units),
    )
    run = zoo.train(
        model,
        data,
        epochs=arguments.epochs,
        patience=None,
        seed=seed,
        callbacks=more,
        verbose=0,
    )
    return model, run.result["test"]["accuracy"]


def latencies(paths: dict[str, Path], data: zoo.Data, rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of each request of one row, for each SavedModel."""
    row = tf.constant(np.zeros((1, *data.input_shape), "float32"))
    loaded = {name: tf.saved_model.load(str(path)) for name, path in paths.items()}
    calls: dict[str, Callable[[], object]] = {}
    for name, model in loaded.items():
        signature = model.signatures["serving_default"]
        (argument,) = signature.structured_input_signature[1]
        calls[name] = lambda s=signature, a=argument: s(**{a: row})["probabilities"].numpy()
    return time_in_turn(calls, rounds, warm_up=100)


def accuracy_rows(results: list[dict]) -> Iterator[tuple[str, ...]]:
    for seed, result in enumerate(results):
        before, after = result["parameters"]
        accuracies = (f"{result[key]:.3f}" for key in ("accuracy", "sparse accuracy"))
        units = "-".join(map(str, result["units"][:-1]))
        yield str(seed), *accuracies, units, f"{before:,} -> {after:,}"


def latency_rows(results: list[dict]) -> Iterator[tuple[str, ...]]:
    for name in ("plain", "sparse", "shrunk"):
        microseconds = 1e6 * np.concatenate([result["times"][name] for result in results])
        p50, p99 = np.percentile(microseconds, (50, 99))
        sizes = median(result["bytes"][name] for result in results)
        ratio = median(result["ratios"][name] for result in results)
        yield name, f"{sizes:,.0f}", f"{p50:.0f} µs", f"{p99:.0f} µs", f"{ratio:.2f}"


if __name__ == "__main__":
    main()
