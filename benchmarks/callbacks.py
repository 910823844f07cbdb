"""Measure the cost of the callbacks: epochs of `resnet20` on digits with and without them.

    python -m benchmarks.callbacks [NAME ...] [--turns 12]

Plain `fit` trains two models in one process, which take turns: three epochs without callbacks, then
three epochs with them. Other work on the machine thus slows down both. A ratio is the median over
these pairs, except the first two. The `train_eval` pass of `LossLedger` is not included: it is one
more pass over as many samples as you ask for.
"""

import argparse
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import keras
import numpy as np

from occam import callbacks, zoo
from occam.core.text_table import table
from occam.zoo.training import engine

REGULARIZATION = zoo.Regularization(l2=1e-4, dropout=0.1)
EPOCHS_PER_TURN = 3
WARM_UP_TURNS = 2


class Turns(keras.callbacks.Callback):
    """Let training runs in several threads take turns; place it first in the list of callbacks.

    Args:
        baton: Shared by all runs.
        mine: The value of the baton at which this run trains.
    """

    def __init__(self, baton: "Baton", mine: int):
        super().__init__()
        self.baton = baton
        self.mine = mine
        self.seconds: list[float] = []
        self._begun: float | None = None

    def on_epoch_begin(self, epoch, logs=None):
        if epoch % EPOCHS_PER_TURN == 0:
            self.on_train_end()
            self.baton.take(self.mine)
            self._begun = time.perf_counter()

    def on_train_end(self, logs=None):
        if self._begun is not None:
            self.seconds.append(time.perf_counter() - self._begun)
            self._begun = None
            self.baton.give()


class Baton:
    """The right to train, passed between two threads."""

    def __init__(self):
        self._turn = 0
        self._changed = threading.Condition()

    def take(self, mine: int) -> None:
        """Wait for the turn `mine`."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn == mine)

    def give(self) -> None:
        """End this turn."""
        with self._changed:
            self._turn = 1 - self._turn
            self._changed.notify_all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="callbacks (default: all)")
    parser.add_argument("--turns", type=int, default=12, help="turns of each run")
    arguments = parser.parse_args()
    data = zoo.load_data("digits")
    rows = []
    for name in arguments.names or callback_sets(Path()):
        plain, tried = (np.array(t[WARM_UP_TURNS:]) for t in pair(data, name, arguments.turns))
        ratios = np.sort(tried / plain)
        low, high = ratios[len(ratios) // 4], ratios[-len(ratios) // 4]
        milliseconds = (f"{1000 * median(t) / EPOCHS_PER_TURN:.0f} ms" for t in (plain, tried))
        rows.append((name, *milliseconds, f"{median(ratios):.3f}", f"{low:.3f} to {high:.3f}"))
    print(table(("callbacks", "epoch without", "with", "ratio", "half of the pairs"), rows))


def pair(data: zoo.Data, name: str, turns: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each turn, without and with callbacks."""
    baton = Baton()
    with tempfile.TemporaryDirectory() as directory:
        tried = callback_sets(Path(directory))[name]()
        takers = Turns(baton, 0), Turns(baton, 1)
        with ThreadPoolExecutor(2) as pool:
            pairs = zip(takers, ([], tried), strict=True)
            epochs = turns * EPOCHS_PER_TURN
            done = [pool.submit(train, data, epochs, [first, *more]) for first, more in pairs]
        for future in done:
            future.result()
    return takers[0].seconds, takers[1].seconds


def train(data: zoo.Data, epochs: int, tried: list[keras.callbacks.Callback]) -> None:
    model = zoo.create_model(
        "resnet20", input_shape=(8, 8, 1), num_classes=10, regularization=REGULARIZATION, seed=0
    )
    engine.compile_model(model, data, REGULARIZATION, epochs=epochs, learning_rate=5e-3)
    engine.fit(model, data, REGULARIZATION, epochs=epochs, seed=0, callbacks=tried)


def callback_sets(directory: Path) -> dict:
    """Return functions that create callbacks, by their names in the table."""
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
        "BackupAndRestore": lambda: callbacks.BackupAndRestore(directory / "backup"),
    }
    theirs = keras.callbacks
    made = {name: (lambda make=make: [make()]) for name, make in parts.items()}
    names = ("EarlyStopping", "TensorBoard", "BackupAndRestore")
    return {
        **made,
        "all of them": lambda: [make() for make in parts.values()],
        "the last three": lambda: [parts[name]() for name in names],
        "Keras' three of these names": lambda: [
            theirs.EarlyStopping(patience=100, restore_best_weights=True),
            theirs.TensorBoard(directory / "logs", write_graph=False),
            theirs.BackupAndRestore(directory / "backup"),
        ],
    }


if __name__ == "__main__":
    main()
