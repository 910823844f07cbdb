"""Fine-tune a model of `keras.applications` on few images, plain and regularized, and compare.

    python examples/finetune_regularized.py [--weights imagenet] [--per-class 20] [--seeds 3]

The script writes a folder of images: the handwritten digits of scikit-learn, one PNG each. With
`--weights imagenet` Keras downloads a pretrained backbone; without, the backbone is trained on the
digits 0 to 4 first. Then it gets a head for the digits 5 to 9, and the whole model is fine-tuned on
a few images per class: plain, and regularized by `zoo.regularize`, from the same weights, on the
same images in the same order. All other images of these classes are the test set.

Takes about five minutes on two cores. With the defaults: test accuracy 0.871 plain, 0.889
regularized, a gain of 0.017 ± 0.008 over three runs. The gain depends on the number of images; try
`--per-class`.
"""

import argparse
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from occam import zoo
from occam.core.text_table import table

SIDE, BATCH = 32, 20
REGULARIZATION = zoo.Regularization(l2=1e-4, dropout=0.3, stochastic_depth=0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", choices=["imagenet"], help="of the backbone (default: none)")
    parser.add_argument("--per-class", type=int, default=20, help="training images per class")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of fine-tuning")
    parser.add_argument("--seeds", type=int, default=3, help="runs, each with other images")
    arguments = parser.parse_args()
    keras.utils.set_random_seed(0)
    with tempfile.TemporaryDirectory() as directory:
        write_images(Path(directory))
        old, new = (read_images(Path(directory) / part) for part in ("old", "new"))
    backbone = make_backbone(arguments.weights, old)
    plain = keras.Sequential(
        [keras.Input((SIDE, SIDE, 3)), backbone, keras.layers.Dense(5, name="head")], name="plain"
    )
    regularized, report = zoo.regularize(plain, REGULARIZATION, seed=0)
    print(str(report).split("\n\nlayer")[0], end="\n\n")
    models = {"plain": plain, "regularized": regularized}
    results = {name: [] for name in models}
    start = {name: model.get_weights() for name, model in models.items()}
    for seed in range(arguments.seeds):
        for name, model in models.items():
            model.set_weights(start[name])
            train, test = split(new, arguments.per_class, seed)
            fine_tune(model, train, arguments.epochs, seed)
            results[name].append(evaluate(model, train, test))
    show(results)


def write_images(directory: Path) -> None:
    """Write `old/0/*.png` to `old/4/*.png` and `new/5/*.png` to `new/9/*.png`."""
    digits: Any = load_digits()
    for index, (image, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        folder = directory / ("old" if label < 5 else "new") / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * 255 / 16).astype("uint8")).save(folder / f"{index:04}.png")


def read_images(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return images of shape `(n, side, side, 3)` in [-1, 1], and the indices of their folders."""
    dataset: Any = keras.utils.image_dataset_from_directory(
        folder, image_size=(SIDE, SIDE), batch_size=None, shuffle=False, verbose=False
    )
    images, labels = dataset.batch(2000).get_single_element()
    return np.asarray(images) / 127.5 - 1, np.asarray(labels)


def make_backbone(weights: str | None, old: tuple[np.ndarray, np.ndarray]) -> keras.Model:
    """Return MobileNetV2 up to the pooling. Without weights, train it on the old digits."""
    backbone = keras.applications.MobileNetV2(
        include_top=False, pooling="avg", weights=weights, input_shape=(SIDE, SIDE, 3), alpha=0.35
    )
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # Keras' 0.999 averages over more steps than we train
    if weights is None:
        model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), backbone, keras.layers.Dense(5)])
        fine_tune(model, old, epochs=10, seed=0, learning_rate=3e-3)
        accuracy = model.evaluate(*old, verbose=0, return_dict=True)["accuracy"]
        print(f"backbone: {accuracy:.3f} accuracy on the old digits, on which it was trained\n")
    return backbone


def split(data: tuple[np.ndarray, np.ndarray], per_class: int, seed: int):
    """Return a few images of each class to train on, and all others."""
    x, y = data
    order = np.random.default_rng(seed).permutation(len(y))
    few = np.concatenate([order[y[order] == label][:per_class] for label in np.unique(y)])
    rest = np.setdiff1d(order, few)
    return (x[few], y[few]), (x[rest], y[rest])


def fine_tune(model, data, epochs: int, seed: int, learning_rate: float = 1e-3) -> None:
    """Compile again, which surgery requires, and train in a reproducible order."""
    x, y = data
    batches = -(-len(y) // BATCH)
    model.compile(
        zoo.optimizers.adamw(learning_rate, epochs * batches),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy", zoo.metrics.DataLoss()],
        steps_per_execution=batches,
        jit_compile=False,
    )
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(y))
        model.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)


def evaluate(model, train, test) -> dict[str, float]:
    """Return the accuracy on both parts and the data loss on the test part."""
    on_train, on_test = (
        model.evaluate(*part, batch_size=200, verbose=0, return_dict=True) for part in (train, test)
    )
    return {
        "training accuracy": on_train["accuracy"],
        "test accuracy": on_test["accuracy"],
        "test data loss": on_test["data_loss"],
    }


def show(results: dict[str, list[dict[str, float]]]) -> None:
    figures = list(results["plain"][0])
    rows = [
        (name, *(mean(run[f] for run in runs) for f in figures)) for name, runs in results.items()
    ]
    runs = len(results["plain"])
    print(table((f"mean of {runs} runs", *figures), rows))
    pairs = zip(results["regularized"], results["plain"], strict=True)
    gains = [one["test accuracy"] - other["test accuracy"] for one, other in pairs]
    error = f" +- {stdev(gains) / runs**0.5:.3f} (standard error)" if runs > 1 else ""
    print(f"gain in test accuracy, run by run: {mean(gains):+.3f}{error}")


if __name__ == "__main__":
    main()
