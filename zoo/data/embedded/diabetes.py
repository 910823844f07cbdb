"""The diabetes table of scikit-learn."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_diabetes

from .builder import RegressionBuilder, with_fixed_test


class Diabetes(RegressionBuilder):
    """442 diabetes patients with 10 measurements each, and the disease one year later.

    The measurements are age, sex, body mass index, blood pressure and six blood serum values; the
    target is a quantitative measure of disease progression. A fixed random 20% is the test part.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.load_diabetes, split 353 to 89."}
    feature = ("measurements", tfds.features.Tensor(shape=(10,), dtype=np.float32))
    label = "progression"
    homepage = "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html"
    citation = """\
@article{efron2004least,
  title={Least Angle Regression},
  author={Efron, Bradley and Hastie, Trevor and Johnstone, Iain and Tibshirani, Robert},
  journal={The Annals of Statistics},
  volume={32},
  number={2},
  pages={407--499},
  year={2004},
  doi={10.1214/009053604000000067}
}"""

    @classmethod
    def arrays(cls):
        x, y = load_diabetes(return_X_y=True, scaled=False)
        return with_fixed_test(np.asarray(x).astype("float32"), np.asarray(y).astype("float32"))
