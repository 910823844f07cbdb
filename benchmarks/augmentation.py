"""Measure images per second in tf.data: our fused augmentation against Keras' `RandAugment`.

    python -m benchmarks.augmentation [--rounds 3] [--seconds 2] [--sides 224 32] [--num-ops 2]

All of them get the same batches of random uint8 RGB images, in turn, in one process, from a tf.data
map with parallel calls. A figure is the median over the rounds; a ratio is the median of the ratios
of the single rounds. If albumentations is installed (`pip install albumentations`), it is measured
as well, with those operations of RandAugment that it has.
"""

import argparse
import contextlib
import time
from collections.abc import Callable, Iterator
from statistics import median

import keras
import numpy as np
import tensorflow as tf

from occam.core.text_table import table
from occam.zoo import augmentation

BATCH = {224: 32, 32: 256}
Map = Callable[[tf.data.Dataset], tf.data.Dataset]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds per measurement")
    parser.add_argument("--sides", type=int, nargs="+", default=[224, 32])
    parser.add_argument("--num-ops", type=int, default=2)
    arguments = parser.parse_args()
    head = ("side", "augmentation", "images/s", "ratio to Keras")
    print(table(head, [row for side in arguments.sides for row in rows(side, arguments)]))


def rows(side: int, arguments: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    ways = candidates(arguments.num_ops)
    rounds = [
        {name: speed(way, side, arguments.seconds) for name, way in ways.items()}
        for _ in range(arguments.rounds)
    ]
    keras_name = next(iter(ways))
    for name in ways:
        ratio = median(figures[name] / figures[keras_name] for figures in rounds)
        yield str(side), name, f"{median(f[name] for f in rounds):.0f}", f"{ratio:.1f}"


def candidates(num_ops: int) -> dict[str, Map]:
    ours = {
        "occam RandAugment": augmentation.RandAugment(num_ops=num_ops),
        "occam TrivialAugment": augmentation.TrivialAugment(),
    }
    theirs = keras.layers.RandAugment(num_ops=num_ops)
    maps: dict[str, Map] = {"keras RandAugment": lambda data: parallel(data, theirs)}
    with contextlib.suppress(ImportError):
        maps["albumentations SomeOf"] = albumentations_map(num_ops)
    for name, layer in ours.items():
        maps[name] = lambda data, layer=layer: augmentation.augment(
            data.map(lambda x: (x, 0)), layer, seed=0
        )
    return maps


def albumentations_map(num_ops: int) -> Map:
    """Return a map with albumentations, which changes one image at a time with OpenCV."""
    import albumentations as A  # pyright: ignore[reportMissingImports]

    operations = [
        *(A.Affine(shear={"x": (-17, 17)}, p=1), A.Affine(shear={"y": (-17, 17)}, p=1)),
        *(A.Affine(translate_percent={"x": (-0.1, 0.1)}, p=1), A.Rotate((-27, 27), p=1)),
        *(A.Affine(translate_percent={"y": (-0.1, 0.1)}, p=1), A.AutoContrast(p=1)),
        *(A.Equalize(p=1), A.Posterize(p=1), A.Solarize(p=1), A.Sharpen(p=1)),
        *(A.RandomBrightnessContrast(0.5, 0, p=1), A.RandomBrightnessContrast(0, 0.5, p=1)),
        A.ColorJitter(0, 0, 0.5, 0, p=1),
    ]
    change = A.SomeOf(operations, n=num_ops, p=1.0)

    def batch(images):
        return np.stack([change(image=image)["image"] for image in images])

    def mapped(images):
        return tf.ensure_shape(tf.numpy_function(batch, [images], tf.uint8), images.shape)

    return lambda data: data.map(mapped, tf.data.AUTOTUNE)


def parallel(data: tf.data.Dataset, function: Callable) -> tf.data.Dataset:
    return data.map(lambda x: function(x, training=True), tf.data.AUTOTUNE)


def speed(way: Map, side: int, seconds: float) -> float:
    """Return images per second, measured after a first batch, which traces."""
    size = BATCH.get(side, 32)
    images = np.random.default_rng(0).integers(0, 256, (size, side, side, 3)).astype("uint8")
    batches = iter(way(tf.data.Dataset.from_tensors(images).repeat()))
    next(batches)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(batches)
        count += size
    return count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
