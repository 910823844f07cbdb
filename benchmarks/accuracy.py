"""Test accuracy on mnist1d, mean and standard error over seeds, for each model and tier.

    python -m benchmarks.accuracy [--seeds 3] [--models mlp resnet1d] [--tiers none medium]

Everything else is the defaults of `zoo.train`. The tier "none" is trained without early stopping,
which is regularization, too. The test part is read once a run, at its end.
"""

import argparse
from statistics import mean

from occam import zoo
from occam.tuning.choice import standard_error
from occam.zoo.table import table

EPOCHS = {"mlp": 100, "resnet1d": 30}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=list(EPOCHS))
    parser.add_argument("--tiers", nargs="+", default=["none", "light", "medium", "strong"])
    arguments = parser.parse_args()
    data = zoo.load_data("mnist1d")
    rows = [
        row(data, model, tier, range(arguments.seeds))
        for model in arguments.models
        for tier in arguments.tiers
    ]
    print(table(("model", "tier", "train", "validation", "test", "seconds a run"), rows))


def row(data: zoo.Data, name: str, tier: str, seeds: range) -> tuple[str, ...]:
    results = [result(data, name, tier, seed) for seed in seeds]
    accuracies = (
        [r[part]["accuracy"] for r in results] for part in ("train", "validation", "test")
    )
    return (
        name,
        tier,
        *(f"{mean(a):.4f} ± {standard_error(a):.4f}" for a in accuracies),
        f"{mean(r['seconds'] for r in results):.0f}",
    )


def result(data: zoo.Data, name: str, tier: str, seed: int) -> dict:
    model = zoo.create_model(
        name,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=tier,
        seed=seed,
    )
    patience = None if tier == "none" else 30
    return zoo.train(
        model, data, epochs=EPOCHS[name], patience=patience, seed=seed, verbose=0
    ).result


if __name__ == "__main__":
    main()
