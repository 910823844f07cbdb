"""Draw the effect of augmentation on digits and on the series of mnist1d in one picture.

    python examples/augmentation_gallery.py gallery.png

Each row is a method: first for images, then for curves, with the original in gray behind each
curve. The first column shows the original, the others random changes of it.
"""

import argparse
from pathlib import Path

import matplotlib
import numpy as np

from occam import zoo
from occam.zoo import augmentation

matplotlib.use("agg")
from matplotlib import pyplot as plt

COLUMNS = 9
IMAGES = {
    "RandAugment\n2 ops, 9": augmentation.RandAugment(2, 9, fill=0, seed=0),
    "RandAugment\n2 ops, 20": augmentation.RandAugment(2, 20, fill=0, seed=0),
    "TrivialAugment": augmentation.TrivialAugment(fill=0, seed=3),
    "RandomErasing": augmentation.RandomErasing(1.0, seed=0),
    "MixUp": augmentation.MixUp(10, alpha=1.0, per="element", seed=0),
    "CutMix": augmentation.CutMix(10, per="element", seed=0),
}
SERIES = {
    "RandomShift1D\n6 steps": augmentation.RandomShift1D(6, seed=0),
    "RandomScale1D\n0.4": augmentation.RandomScale1D(0.4, seed=0),
    "TimeWarp\n0.4": augmentation.TimeWarp(0.4, seed=0),
    "FeatureNoise\n0.2": augmentation.FeatureNoise(0.2, seed=0),
    "strong": augmentation.resolve_augmentation("strong", (40, 1), seed=0),
    "CutMix": augmentation.CutMix(10, per="element", seed=0),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="PNG file to write")
    path = parser.parse_args().path
    rows = len(IMAGES) + len(SERIES)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(1.3 * COLUMNS, 1.2 * rows))
    draw_rows(axes[: len(IMAGES)], IMAGES, *samples("digits"), draw_image)
    draw_rows(axes[len(IMAGES) :], SERIES, *samples("mnist1d"), draw_curve)
    figure.tight_layout(pad=0.3)
    figure.savefig(path, dpi=110)
    print(path)


def samples(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and labels, two for each column, in the unit of the data."""
    x, y = next(zoo.load_data(name).raw("train").as_numpy_iterator())
    x = x[: 2 * COLUMNS].astype("float32")
    return (x * 255 / x.max() if name == "digits" else x), y[: 2 * COLUMNS]


def draw_rows(axes, methods: dict, x: np.ndarray, y: np.ndarray, draw) -> None:
    for row, (label, layer) in zip(axes, methods.items(), strict=True):
        original, results = x[0], augmented(layer, x, y)
        draw(row[0], original, original)
        row[0].set_title(label, fontsize=7)
        for axis, result in zip(row[1:], results, strict=True):
            draw(axis, result, original)


def augmented(layer, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Change the first sample once per column; layers that mix get another partner in each."""
    count = COLUMNS - 1
    batch = np.stack([x[0]] * count)
    if not isinstance(layer, augmentation.MixUp | augmentation.CutMix):
        return np.asarray(layer(batch, training=True))
    both = np.concatenate([batch, x[1 : count + 1]])
    return np.asarray(layer((both, y[: 2 * count]), training=True)[0])[:count]


def draw_image(axis, image: np.ndarray, original: np.ndarray) -> None:
    axis.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255)
    axis.set_axis_off()


def draw_curve(axis, series: np.ndarray, original: np.ndarray) -> None:
    axis.plot(original[:, 0], color="0.8", linewidth=1)
    axis.plot(series[:, 0], linewidth=1)
    axis.set_xticks([])
    axis.set_yticks([])


if __name__ == "__main__":
    main()
