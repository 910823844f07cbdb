"""What the callbacks cost: epochs of `resnet20` on digits with and without all of them.

    python -m benchmarks.callbacks [NAME ...] [--rounds 5] [--epochs 6]

Both ways train the same model with plain `fit`, an execution an epoch, in turn, in one process. A
figure is the median of the epochs but the first two, in processor time, which other work on the
machine changes least; the ratio is taken pair by pair. The clean evaluation of `LossLedger` is not
among the costs: it is one more pass over the samples that are asked for.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import keras
import numpy as np

from occam import callbacks, zoo
from occam.zoo.table import table
from occam.zoo.training import engine

REGULARIZATION = zoo.Regularization(l2=1e-4, dropout=0.1)


class Timer(keras.callbacks.Callback):
    """The seconds of processor time between the beginnings of epochs."""

    def __init__(self):
        super().__init__()
        self.times: list[float] = []

    def on_epoch_begin(self, epoch, logs=None):
        self.times.append(time.process_time())

    @property
    def epoch(self) -> float:
        return median(np.diff(self.times[2:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of callbacks; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    data = zoo.load_data("digits")
    names = ["none", *(arguments.names or sets(Path()))]
    seconds = [
        [epoch(data, name, arguments.epochs) for name in names] for _ in range(arguments.rounds)
    ]
    plain = [row[0] for row in seconds]
    rows = []
    for name, column in zip(names, zip(*seconds, strict=True), strict=True):
        ratio = median(b / a for a, b in zip(plain, column, strict=True))
        rows.append((name, f"{1000 * median(column):.0f} ms", f"{ratio:.3f}"))
    print(table(("callbacks", "an epoch", "against none"), rows))


def epoch(data: zoo.Data, name: str, epochs: int) -> float:
    keras.backend.clear_session()
    model = zoo.create_model(
        "resnet20", input_shape=(8, 8, 1), num_classes=10, regularization=REGULARIZATION, seed=0
    )
    engine.compile_model(model, data, REGULARIZATION, epochs=epochs, learning_rate=5e-3)
    timer = Timer()
    with tempfile.TemporaryDirectory() as directory:
        tried = {"none": list, **sets(Path(directory))}[name]()
        engine.fit(model, data, REGULARIZATION, epochs=epochs, seed=0, callbacks=[timer, *tried])
    return timer.epoch


def sets(directory: Path) -> dict:
    """Functions that make callbacks, by what they are called in the table."""
    parts = {
        "LossLedger": callbacks.LossLedger,
        "ProximalPenalty": lambda: callbacks.ProximalPenalty(l1=1e-4),
        "Schedule": lambda: callbacks.Schedule(
            "dropout*", callbacks.schedules.linear(0.0, 0.1, 5), attribute="rate"
        ),
        "WeightAverage": callbacks.WeightAverage,
        "Diagnosis": lambda: callbacks.Diagnosis(baseline=np.log(10), verbose=0),
        "EarlyStopping": lambda: callbacks.EarlyStopping(patience=100, verbose=0),
        "TensorBoard": lambda: callbacks.TensorBoard(directory / "logs", write_graph=False),
        "BackupAndRestore": lambda: callbacks.BackupAndRestore(directory / "state.npz"),
    }
    made = {name: (lambda make=make: [make()]) for name, make in parts.items()}
    return {**made, "all of them": lambda: [make() for make in parts.values()]}


if __name__ == "__main__":
    main()
