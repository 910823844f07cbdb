"""Compare fine-tuning the shipped `resnet1d` on few labels with training from scratch.

The new task is to classify mnist1d's series played backwards, with 200 labelled samples.

Paper:    Li, Grandvalet & Davoine, Explicit Inductive Bias for Transfer Learning with
          Convolutional Networks, 2018, https://arxiv.org/abs/1802.01483 (why to stay close)
Command:  python examples/recipes/finetune_series.py [--labelled 200]
Cost:     1 minute on two cores
Expected: test accuracy 0.886 from scratch, 0.923 fine-tuned
"""

import argparse

import keras
import numpy as np

from occam import zoo
from occam.callbacks import EarlyStopping

REGULARIZATION = zoo.Regularization(l2=3e-4, noise=0.1, dropout=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labelled", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    parts = [arrays(zoo.load_data("mnist1d"), part) for part in ("train", "validation", "test")]
    backwards = [(x[:, ::-1], y) for x, y in parts]
    (x, y), validation, test = backwards
    labelled = x[: arguments.labelled], y[: arguments.labelled]
    for name, weights, rate in (("from scratch", None, 5e-3), ("fine-tuned", "mnist1d", 1e-3)):
        accuracy = train(weights, rate, labelled, validation, test, arguments.epochs)
        print(f"{name:14}test accuracy {accuracy:.4f}", flush=True)


def train(weights, learning_rate, labelled, validation, test, epochs: int) -> float:
    model = zoo.create_model(
        "resnet1d",
        input_shape=(40, 1),
        num_classes=10,
        regularization=REGULARIZATION,
        seed=0,
        weights=weights,
    )
    steps = -(-len(labelled[0]) // 50)
    model.compile(
        zoo.optimizers.adamw(learning_rate, epochs * steps),
        zoo.losses.CategoricalCrossentropy(),
        metrics=[zoo.metrics.DataLoss(), zoo.metrics.CategoricalAccuracy("accuracy")],
        jit_compile=False,
    )
    model.fit(
        *labelled,
        batch_size=50,
        epochs=epochs,
        validation_data=validation,
        callbacks=[EarlyStopping("val_data_loss", patience=20)],
        verbose=0,
    )
    return model.evaluate(*test, return_dict=True, verbose=0)["accuracy"]


def arrays(data: zoo.Data, part: str) -> tuple[np.ndarray, np.ndarray]:
    batches = getattr(data, part).as_numpy_iterator()
    x, y = map(np.concatenate, zip(*batches, strict=True))
    return x, y


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    main()
