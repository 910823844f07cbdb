"""The breast cancer table of scikit-learn."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_breast_cancer

from .builder import EmbeddedBuilder, with_fixed_test


class BreastCancer(EmbeddedBuilder):
    """569 tumours with 30 measurements each, and their diagnosis.

    The measurements are the mean, standard error and worst value of ten properties of cell nuclei
    in an image of a fine needle aspirate. A fixed stratified 20% is the test part.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.load_breast_cancer, split 455 to 114."}
    feature = ("measurements", tfds.features.Tensor(shape=(30,), dtype=np.float32))
    label = "diagnosis"
    class_names: ClassVar = ["malignant", "benign"]
    homepage = "https://archive.ics.uci.edu/dataset/17"
    citation = """\
@misc{wolberg1995breast,
  title={Breast Cancer Wisconsin (Diagnostic)},
  author={Wolberg, William and Mangasarian, Olvi and Street, Nick and Street, W.},
  year={1995},
  publisher={UCI Machine Learning Repository},
  doi={10.24432/C5DW2B}
}"""

    @classmethod
    def arrays(cls):
        x, y = load_breast_cancer(return_X_y=True)
        labels = np.asarray(y)
        return with_fixed_test(np.asarray(x).astype("float32"), labels, strata=labels)
