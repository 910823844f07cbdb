"""The handwritten digits of scikit-learn."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_digits

from .builder import EmbeddedBuilder, with_fixed_test


class Digits(EmbeddedBuilder):
    """Handwritten digits of 43 people: 1797 images of 8 x 8 pixels with values from 0 to 16.

    Each pixel counts the black ones in a 4 x 4 block of the scanned bitmap. A fixed stratified 20%
    is the test part.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.load_digits, split 1437 to 360."}
    # Not tfds.features.Image: PNG costs more than these 64 bytes.
    feature = ("image", tfds.features.Tensor(shape=(8, 8, 1), dtype=np.uint8))
    homepage = "https://archive.ics.uci.edu/dataset/80"
    citation = """\
@misc{alpaydin1998optical,
  title={Optical Recognition of Handwritten Digits},
  author={Alpaydin, E. and Kaynak, C.},
  year={1998},
  publisher={UCI Machine Learning Repository},
  doi={10.24432/C50P49}
}"""

    @classmethod
    def arrays(cls):
        x, y = load_digits(return_X_y=True)
        return with_fixed_test(
            np.asarray(x).astype("uint8").reshape(-1, 8, 8, 1), np.asarray(y), strata=np.asarray(y)
        )
