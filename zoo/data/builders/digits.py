"""The handwritten digits of scikit-learn as a TensorFlow Datasets builder."""

from typing import ClassVar, cast

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits
from sklearn.utils import Bunch

from .fixed_split import fixed_split
from .offline import OfflineBuilder

__all__ = ["Digits"]


class Digits(OfflineBuilder):
    """1797 images of 8 by 8 pixels with values 0 to 16; a fixed stratified 20% is the test part."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.load_digits, split 1437 to 360."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Handwritten digits of 43 people: each pixel counts the black ones of a "
            "4 by 4 block of the scanned bitmap.",
            homepage="https://archive.ics.uci.edu/dataset/80",
            citation=CITATION,
            features=tfds.features.FeaturesDict(
                {
                    # Not tfds.features.Image: PNG costs more than these 64 bytes.
                    "image": tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8),
                    "label": tfds.features.ClassLabel(names=[str(digit) for digit in range(10)]),
                }
            ),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        digits = cast("Bunch", load_digits())
        return {
            name: self._generate_examples(rows, digits.images, digits.target)
            for name, rows in fixed_split(digits.target).items()
        }

    def _generate_examples(self, rows, images, labels):
        for row in rows:
            image = images[row].astype("uint8")[..., None]
            yield int(row), {"image": image, "label": int(labels[row])}


CITATION = """\
@misc{alpaydin1998optical,
  title={Optical Recognition of Handwritten Digits},
  author={Alpaydin, E. and Kaynak, C.},
  year={1998},
  publisher={UCI Machine Learning Repository},
  doi={10.24432/C50P49}
}"""
