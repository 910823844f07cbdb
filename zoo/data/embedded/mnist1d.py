"""MNIST-1D."""

import contextlib
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from .builder import EmbeddedBuilder


class Mnist1d(EmbeddedBuilder):
    """Ten digits drawn as one-dimensional series: 4000 and 1000 of 40 steps.

    Templates of 12 points are padded, scaled, shifted, sheared and made noisy, with the arguments
    of the paper and seed 42.
    """

    RELEASE_NOTES: ClassVar = {
        "1.0.0": "Made by mnist1d.data.make_dataset with its default arguments."
    }
    feature = ("series", tfds.features.Tensor(shape=(40, 1), dtype=np.float32))
    homepage = "https://github.com/greydanus/mnist1d"
    citation = """\
@inproceedings{greydanus2024scaling,
  title={Scaling Down Deep Learning with {MNIST-1D}},
  author={Greydanus, Sam and Kobak, Dmitry},
  booktitle={Proceedings of the 41st International Conference on Machine Learning},
  year={2024},
  url={https://arxiv.org/abs/2011.14439}
}"""

    @classmethod
    def arrays(cls):
        # Imported here, because it imports a plotting and an HTTP library. Not its `get_dataset`,
        # which downloads and unpickles.
        from mnist1d.data import get_dataset_args, make_dataset

        with _numpy_random_state_restored():
            made = make_dataset(get_dataset_args())
        return {
            part: (made[f"x{suffix}"].astype("float32")[..., None], made[f"y{suffix}"])
            for part, suffix in (("train", ""), ("test", "_test"))
        }


@contextlib.contextmanager
def _numpy_random_state_restored() -> Iterator[None]:
    """Undo the package's call of the global `np.random.seed`."""
    state = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
