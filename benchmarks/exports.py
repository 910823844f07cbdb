"""Sizes and speeds of what a trained model can be served as, against `model.predict`.

    python -m benchmarks.exports [mlp] [resnet20] [--rounds 500]

`mlp` is trained on mnist1d, `resnet20` on digits of 32 x 32 pixels, briefly: so that the gates of
quantized formats have something to judge. All ways answer the same requests in one process,
in turn, NumPy arrays in and probabilities as NumPy arrays out: one row each, and batches of 64.
Ratios are medians of those of the single rounds, against `model.export`'s SavedModel.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from occam import exports, zoo
from occam.core.text_table import table
from occam.exports.formats import open_format

DATA = {"mlp": ("mnist1d", None, 40), "resnet20": ("digits", (32, 32), 4)}  # and epochs
FORMATS = ("onnx", "litert", "openvino")
BASE = "model.export"

Answer = Callable[[np.ndarray], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(DATA)}")
    parser.add_argument("--rounds", type=int, default=500)
    arguments = parser.parse_args()
    for name in arguments.models or DATA:
        model, data = trained(name)
        x, y = next(data.validation.unbatch().batch(1000).as_numpy_iterator())
        rows = np.resize(x, (64, *x.shape[1:]))
        with tempfile.TemporaryDirectory() as directory:
            ways, sizes = written(model, (x, y), Path(directory))
            one = seconds(ways, rows[:1], arguments.rounds)
            many = seconds(ways, rows, arguments.rounds // 10)
        print(f"\n{name}, {model.count_params():,} parameters")
        print(table(HEAD, [line(way, sizes, one, many) for way in ways]))


def trained(name: str) -> tuple[keras.Model, zoo.Data]:
    source, size, epochs = DATA[name]
    data = zoo.load_data(source, image_size=size)
    shape, classes = data.input_shape, data.num_classes
    model = zoo.create_model(name, input_shape=shape, num_classes=classes, seed=0)
    zoo.train(model, data, epochs=epochs, verbose=0)
    return model, data


def written(
    model: keras.Model, data: tuple[np.ndarray, np.ndarray], directory: Path
) -> tuple[dict[str, Answer], dict[str, int]]:
    """Each way to answer, and the bytes of its files."""
    model.export(directory / "keras", verbose=False)
    features = {model.inputs[0].name: data[0]}
    checks = exports.Checks((features, data[1]), max_accuracy_drop=0.02, min_agreement=0.95)
    int8 = exports.LiteRT("int8", calibration=features)
    plain = exports.export(model, directory / "ours", formats=(*FORMATS, int8), checks=checks).path
    folded = exports.export(model, directory / "folded", fold=True).path
    ways: dict[str, Answer] = {
        "model.predict": lambda x: model.predict(x, batch_size=64, verbose=0),
        BASE: signature(directory / "keras"),
        "ours": signature(plain),
        "ours, folded": signature(folded),
        **{name: runtime(plain, name) for name in (*FORMATS, int8.name)},
    }
    sizes = {
        BASE: size(directory / "keras"),
        "ours": sum(map(size, (plain / "saved_model.pb", plain / "variables"))),
        "ours, folded": sum(map(size, (folded / "saved_model.pb", folded / "variables"))),
        **{name: size(plain / "formats" / name) for name in (*FORMATS, int8.name)},
    }
    return ways, sizes


def signature(path: Path) -> Answer:
    """`serving_default` of any SavedModel of one input."""
    loaded: Any = tf.saved_model.load(str(path))
    function = loaded.signatures["serving_default"]
    (name,) = function.structured_input_signature[1]
    output = min(function.structured_outputs, key=lambda n: n != "probabilities")

    def answer(x: np.ndarray, loaded: Any = loaded) -> np.ndarray:  # which must not be collected
        return function(**{name: tf.constant(x)})[output].numpy()

    return answer


def runtime(path: Path, name: str) -> Answer:
    """The runtime of a format."""
    predictor = open_format(path, name)
    (key,) = predictor.inputs
    return lambda x: predictor.runtime.answer("serving_default", {key: x})["probabilities"]


def seconds(ways: dict[str, Answer], x: np.ndarray, rounds: int) -> dict[str, np.ndarray]:
    """Of each way, the seconds of each request."""
    taken = {way: np.empty(rounds) for way in ways}
    for turn in range(-10, rounds):  # the first ones warm up
        for way, answer in ways.items():
            start = time.perf_counter()
            answer(x)
            if turn >= 0:
                taken[way][turn] = time.perf_counter() - start
    return taken


def size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


HEAD = ("way", "bytes", "of", "1 row p50", "p99", "of", "64 rows/s", "times")


def line(
    way: str, sizes: dict[str, int], one: dict[str, np.ndarray], many: dict[str, np.ndarray]
) -> tuple[str, ...]:
    p50, p99 = 1e3 * np.percentile(one[way], (50, 99))
    written = (f"{sizes[way]:,}", f"{sizes[way] / sizes[BASE]:.2f}") if way in sizes else ("", "")
    return (
        way,
        *written,
        f"{p50:.2f} ms",
        f"{p99:.2f} ms",
        f"{np.median(one[way] / one[BASE]):.2f}",
        f"{64 / np.median(many[way]):,.0f}",
        f"{np.median(many[BASE] / many[way]):.2f}",
    )


if __name__ == "__main__":
    main()
