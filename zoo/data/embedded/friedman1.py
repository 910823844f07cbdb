"""The regression problem of Friedman, with known noise."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import make_friedman1

from .builder import RegressionBuilder


class Friedman1(RegressionBuilder):
    """A nonlinear function of five of ten uniform features, with noise of variance 1.

        y = 10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5 + noise

    500 samples are for training and validation, and 2,000 for the test. The variance of the
    function is 23.8, so the best possible R2 is 23.8 / 24.8 = 0.96.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.make_friedman1, seeds 0 and 1."}
    feature = ("features", tfds.features.Tensor(shape=(10,), dtype=np.float32))
    label = "y"
    homepage = "https://scikit-learn.org/stable/modules/generated/sklearn.datasets.make_friedman1"
    citation = """\
@article{friedman1991multivariate,
  title={Multivariate Adaptive Regression Splines},
  author={Friedman, Jerome H.},
  journal={The Annals of Statistics},
  volume={19},
  number={1},
  pages={1--67},
  year={1991},
  doi={10.1214/aos/1176347963}
}"""

    @classmethod
    def arrays(cls):
        sizes = {"train": 500, "test": 2000}
        parts = {}
        for seed, (part, size) in enumerate(sizes.items()):
            x, y = make_friedman1(size, n_features=10, noise=1.0, random_state=seed)
            parts[part] = (np.asarray(x).astype("float32"), np.asarray(y).astype("float32"))
        return parts
