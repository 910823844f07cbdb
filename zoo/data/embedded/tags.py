"""A multilabel problem made by scikit-learn, with known label noise."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import make_multilabel_classification

from ...tasks import Multilabel
from .builder import EmbeddedBuilder, with_fixed_test

NOISE = 0.05  # the probability with which a label is flipped


class Tags(EmbeddedBuilder):
    """2,000 documents as counts of 20 words, each with any number of five tags.

    Each tag is flipped with a probability of 5%, so no model can have an expected accuracy above
    95% for a tag. A fixed random 20% is the test part.
    """

    RELEASE_NOTES: ClassVar = {
        "1.0.0": "sklearn.datasets.make_multilabel_classification, seed 0, split 1600 to 400."
    }
    feature = ("counts", tfds.features.Tensor(shape=(20,), dtype=np.float32))
    label = "tags"
    class_names: ClassVar = ["art", "law", "music", "science", "sport"]
    homepage = (
        "https://scikit-learn.org/stable/modules/generated/"
        "sklearn.datasets.make_multilabel_classification"
    )
    citation = ""

    @classmethod
    def task(cls):
        return Multilabel(tuple(cls.class_names))

    @classmethod
    def target_feature(cls):
        return tfds.features.Tensor(shape=(len(cls.class_names),), dtype=np.int64)

    @classmethod
    def arrays(cls):
        x, y, *_ = make_multilabel_classification(
            2000, n_features=20, n_classes=len(cls.class_names), n_labels=2, random_state=0
        )
        flips = np.random.default_rng(0).random(np.asarray(y).shape) < NOISE
        return with_fixed_test(np.asarray(x).astype("float32"), np.asarray(y) ^ flips)
