"""MNIST-1D as a TensorFlow Datasets builder."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from .offline import OfflineBuilder

__all__ = ["Mnist1d"]


class Mnist1d(OfflineBuilder):
    """MNIST-1D with the paper's arguments: 4000 and 1000 series of 40 steps, seed 42."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {
        "1.0.0": "Made by mnist1d.data.make_dataset with its default arguments."
    }

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Ten digits drawn as one-dimensional series: templates of 12 points that "
            "are padded, scaled, shifted, sheared and made noisy.",
            homepage="https://github.com/greydanus/mnist1d",
            citation=CITATION,
            features=tfds.features.FeaturesDict(
                {
                    "series": tfds.features.Tensor(shape=(40, 1), dtype=np.float32),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("series", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        arrays = _make_arrays()
        return {
            "train": self._generate_examples(arrays["x"], arrays["y"]),
            "test": self._generate_examples(arrays["x_test"], arrays["y_test"]),
        }

    def _generate_examples(self, series, labels):
        for key, (values, label) in enumerate(zip(series, labels, strict=True)):
            yield key, {"series": values.astype("float32")[:, None], "label": int(label)}


def _make_arrays() -> dict[str, np.ndarray]:
    # Here, because it imports a plotting and an HTTP library; never its `get_dataset`, which
    # downloads and unpickles.
    from mnist1d.data import get_dataset_args, make_dataset

    with _numpy_random_state_restored():
        return make_dataset(get_dataset_args())


@contextlib.contextmanager
def _numpy_random_state_restored() -> Iterator[None]:
    """Undoes the global `np.random.seed` of the package."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


CITATION = """\
@inproceedings{greydanus2024scaling,
  title={Scaling Down Deep Learning with {MNIST-1D}},
  author={Greydanus, Sam and Kobak, Dmitry},
  booktitle={Proceedings of the 41st International Conference on Machine Learning},
  year={2024},
  url={https://arxiv.org/abs/2011.14439}
}"""
