"""The breast cancer table of scikit-learn as a TensorFlow Datasets builder."""

from typing import ClassVar, cast

import numpy as np
import tensorflow_datasets as tfds
from sklearn.datasets import load_breast_cancer
from sklearn.utils import Bunch

from .fixed_split import fixed_split
from .offline import OfflineBuilder

__all__ = ["BreastCancer"]


class BreastCancer(OfflineBuilder):
    """569 tumours with 30 measurements each; a fixed stratified 20% is the test part."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "sklearn.datasets.load_breast_cancer, split 455 to 114."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="Mean, standard error and worst value of ten properties of cell nuclei in "
            "an image of a fine needle aspirate, with the diagnosis.",
            homepage="https://archive.ics.uci.edu/dataset/17",
            citation=CITATION,
            features=tfds.features.FeaturesDict(
                {
                    "measurements": tfds.features.Tensor(shape=(30,), dtype=np.float32),
                    "diagnosis": tfds.features.ClassLabel(names=["malignant", "benign"]),
                }
            ),
            supervised_keys=("measurements", "diagnosis"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        table = cast("Bunch", load_breast_cancer())
        return {
            name: self._generate_examples(rows, table.data, table.target)
            for name, rows in fixed_split(table.target).items()
        }

    def _generate_examples(self, rows, measurements, diagnoses):
        for row in rows:
            values = measurements[row].astype("float32")
            yield int(row), {"measurements": values, "diagnosis": int(diagnoses[row])}


CITATION = """\
@misc{wolberg1995breast,
  title={Breast Cancer Wisconsin (Diagnostic)},
  author={Wolberg, William and Mangasarian, Olvi and Street, Nick and Street, W.},
  year={1995},
  publisher={UCI Machine Learning Repository},
  doi={10.24432/C5DW2B}
}"""
