"""Compare size and speed of the forms in which a model can be served, and of `model.predict`.

    python -m benchmarks.exports [mlp] [resnet20] [--rounds 500]

`mlp` is trained on mnist1d and `resnet20` on digits of 32 x 32 pixels, briefly, so that the gates
for quantized formats have accuracies to compare. All forms answer the same requests in one process,
in turn, with NumPy arrays in and probabilities as NumPy arrays out: single rows, and batches of 64.
Ratios are relative to the SavedModel of `model.export`, medians of the ratios of the rounds.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from occam import exports, zoo
from occam.core.text_table import table
from occam.exports.formats import open_format

from .timing import file_size, time_in_turn

# Data, image size and epochs.
DATA = {"mlp": ("mnist1d", None, 40), "resnet20": ("digits", (32, 32), 4)}
FORMATS = ("onnx", "litert", "openvino")
BASE = "model.export"

Answer = Callable[[np.ndarray], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="mlp or resnet20; default: both")
    parser.add_argument("--rounds", type=int, default=500)
    arguments = parser.parse_args()
    for name in arguments.models or DATA:
        model, data = train_model(name)
        x, y = next(data.validation.unbatch().batch(1000).as_numpy_iterator())
        rows = np.resize(x, (64, *x.shape[1:]))
        with tempfile.TemporaryDirectory() as directory:
            ways, sizes = write_forms(model, (x, y), Path(directory))
            one = latencies(ways, rows[:1], arguments.rounds)
            many = latencies(ways, rows, arguments.rounds // 10)
        print(f"\n{name}, {model.count_params():,} parameters")
        print(table(HEAD, [table_row(way, sizes, one, many) for way in ways]))


def train_model(name: str) -> tuple[keras.Model, zoo.Data]:
    source, size, epochs = DATA[name]
    data = zoo.load_data(source, image_size=size)
    shape, classes = data.input_shape, data.num_classes
    model = zoo.create_model(name, input_shape=shape, num_classes=classes, seed=0)
    zoo.train(model, data, epochs=epochs, verbose=0)
    return model, data


def write_forms(
    model: keras.Model, data: tuple[np.ndarray, np.ndarray], directory: Path
) -> tuple[dict[str, Answer], dict[str, int]]:
    """Return a function that answers for each form, and the bytes of its files."""
    model.export(directory / "keras", verbose=False)
    features = {model.inputs[0].name: data[0]}
    checks = exports.Checks((features, data[1]), max_accuracy_drop=0.02, min_agreement=0.95)
    int8 = exports.LiteRT("int8", calibration=features)
    plain = exports.export(model, directory / "ours", formats=(*FORMATS, int8), checks=checks).path
    folded = exports.export(model, directory / "folded", fold=True).path
    ways: dict[str, Answer] = {
        "model.predict": lambda x: model.predict(x, batch_size=64, verbose=0),
        BASE: load_signature(directory / "keras"),
        "ours": load_signature(plain),
        "ours, folded": load_signature(folded),
        **{name: load_runtime(plain, name) for name in (*FORMATS, int8.name)},
    }
    sizes = {
        BASE: file_size(directory / "keras"),
        "ours": sum(map(file_size, (plain / "saved_model.pb", plain / "variables"))),
        "ours, folded": sum(map(file_size, (folded / "saved_model.pb", folded / "variables"))),
        **{name: file_size(plain / "formats" / name) for name in (*FORMATS, int8.name)},
    }
    return ways, sizes


def load_signature(path: Path) -> Answer:
    """Return a function that calls `serving_default` of a SavedModel with one input."""
    loaded: Any = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    (name,) = function.structured_input_signature[1]
    output = min(function.structured_outputs, key=lambda n: n != "probabilities")

    def answer(x: np.ndarray, loaded: Any = loaded) -> np.ndarray:  # keep it alive
        return function(**{name: tf.constant(x)})[output].numpy()

    return answer


def load_runtime(path: Path, name: str) -> Answer:
    """Return a function that calls the runtime of a format."""
    predictor = open_format(path, name)
    (key,) = predictor.inputs
    return lambda x: predictor.runtime.answer("serving_default", {key: x})["probabilities"]


def latencies(ways: dict[str, Answer], x: np.ndarray, rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of each request, for each form."""
    calls = {way: lambda answer=answer: answer(x) for way, answer in ways.items()}
    return time_in_turn(calls, rounds, warm_up=10)


HEAD = ("form", "bytes", "ratio", "1 row p50", "p99", "ratio", "64 rows/s", "ratio")


def table_row(
    way: str, sizes: dict[str, int], one: dict[str, np.ndarray], many: dict[str, np.ndarray]
) -> tuple[str, ...]:
    p50, p99 = 1e3 * np.percentile(one[way], (50, 99))
    size = (f"{sizes[way]:,}", f"{sizes[way] / sizes[BASE]:.2f}") if way in sizes else ("", "")
    return (
        way,
        *size,
        f"{p50:.2f} ms",
        f"{p99:.2f} ms",
        f"{np.median(one[way] / one[BASE]):.2f}",
        f"{64 / np.median(many[way]):,.0f}",
        f"{np.median(many[BASE] / many[way]):.2f}",
    )


if __name__ == "__main__":
    main()
