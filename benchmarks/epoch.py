"""Measure the time of an epoch: the engine of `zoo.train` against plain `model.fit(x, y)`.

    python -m benchmarks.epoch [--rounds 5] [--epochs 20]

Both train the same model on mnist1d with the same optimizer, loss, metrics, validation data and
callbacks (early stopping, TensorBoard, CSV, backup), in turn, in one process. A figure is the
median of all epochs but the first two; the ratio is the median of the ratios of the pairs. Plain
`fit` is compiled with Keras' defaults: one step per call, `jit_compile="auto"`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import keras
import numpy as np

from occam import callbacks, zoo
from occam.core.text_table import table
from occam.zoo.training import engine

UNITS = {"mlp 100-100 (the paper's)": (100, 100), "mlp 512-512 (the default)": (512, 512)}


class Timer(keras.callbacks.Callback):
    """Record when each epoch begins."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.times.append(time.perf_counter())

    @property
    def epoch(self) -> float:
        """The median seconds of an epoch."""
        return median(np.diff(self.times[2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    data = zoo.load_data("mnist1d")
    print(table(("model", "plain fit", "engine", "ratio"), list(rows(data, arguments))))


def rows(data: zoo.Data, arguments: argparse.Namespace):
    for label, units in UNITS.items():
        pairs = [
            [seconds(way, data, units, arguments.epochs) for way in (plain_fit, engine_fit)]
            for _ in range(arguments.rounds)
        ]
        plain, ours = (median(column) for column in zip(*pairs, strict=True))
        ratio = median(b / a for a, b in pairs)
        yield label, f"{1000 * plain:.0f} ms", f"{1000 * ours:.0f} ms", f"{ratio:.2f}"


def seconds(way: Callable, data: zoo.Data, units: tuple[int, ...], epochs: int) -> float:
    keras.backend.clear_session()
    model = zoo.create_model("mlp", input_shape=(40, 1), num_classes=10, seed=0, units=units)
    timer = Timer()
    with tempfile.TemporaryDirectory() as directory:
        way(model, data, epochs, [timer, *same_callbacks(Path(directory))])
    return timer.epoch


def same_callbacks(directory: Path) -> list:
    stopping = callbacks.EarlyStopping(patience=1000, verbose=0)
    return [
        stopping,
        keras.callbacks.CSVLogger(directory / "history.csv"),
        keras.callbacks.TensorBoard(directory, write_graph=False),
        callbacks.BackupAndRestore(directory / "backup", callbacks=[stopping]),
    ]


def compile_model(model: keras.Model, data: zoo.Data, epochs: int) -> None:
    engine.compile_model(model, data, zoo.Regularization(), epochs=epochs, learning_rate=5e-3)


def plain_fit(model: keras.Model, data: zoo.Data, epochs: int, ours: list) -> None:
    compile_model(model, data, epochs)
    model.compile(model.optimizer, model.loss, metrics=model._compile_metrics._user_metrics)
    x, y = arrays(data.train)
    model.fit(
        *(x, y),
        batch_size=data.batch_size,
        epochs=epochs,
        validation_data=arrays(data.validation),
        callbacks=ours,
        verbose=0,
    )


def engine_fit(model: keras.Model, data: zoo.Data, epochs: int, ours: list) -> None:
    compile_model(model, data, epochs)
    engine.fit(model, data, zoo.Regularization(), epochs=epochs, seed=0, callbacks=ours)


def arrays(batches) -> tuple[np.ndarray, ...]:
    return tuple(map(np.concatenate, zip(*batches.as_numpy_iterator(), strict=True)))


if __name__ == "__main__":
    main()
