"""What is logged of a model's weights: norms, histograms, pictures."""

import io
from collections.abc import Callable, Iterator

import keras
import numpy as np

from ..variables import copies, copy_of
from . import summaries
from .protos import Summary

__all__ = ["norms", "weight_histograms", "weight_images"]


def norms(model: keras.Model) -> dict[str, float]:
    """The Euclidean norm of each trainable weight with two axes or more, by its path.

    Biases and the gains of normalization have one axis, and would hide the kernels.

    >>> layer = keras.layers.Dense(1, kernel_initializer="ones", name="head")
    >>> [*norms(keras.Sequential([keras.Input((4,)), layer])).values()]
    [2.0]
    """
    kernels = [w for w in model.trainable_weights if len(w.shape) >= 2]
    values = (copy.astype("float64") for copy in copies(kernels))
    return {w.path: float(np.linalg.norm(v)) for w, v in zip(kernels, values, strict=True)}


def weight_histograms(model: keras.Model, name: Callable[[str], str]) -> Iterator[Summary]:
    """A histogram of each weight; `name` makes a tag of its path."""
    for weight in model.weights:
        yield summaries.histogram(name(weight.path), _array(weight))


def weight_images(model: keras.Model, name: Callable[[str], str]) -> Iterator[Summary]:
    """A picture of each weight, a pixel a number from smallest (black) to greatest (white).

    A column is an output unit; the other axes are laid one below the other.
    """
    for weight in model.weights:
        values = _array(weight)
        flat = values.reshape(-1, values.shape[-1] if values.ndim else 1)
        yield _image(name(weight.path), np.nan_to_num(flat))


def _array(weight: keras.Variable) -> np.ndarray:
    return copy_of(weight).astype("float64")


def _image(tag: str, values: np.ndarray) -> Summary:
    from PIL import Image

    low, high = values.min(), values.max()
    scaled = (255 * (values - low) / (high - low or 1.0)).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(scaled).save(file, "png")
    return summaries.image(tag, file.getvalue(), scaled.shape[::-1])
