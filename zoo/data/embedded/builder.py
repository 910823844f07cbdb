"""The base of the embedded data sets: a TensorFlow Datasets builder made from arrays."""

from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from ...tasks import Classification, Regression, Task
from ..hold_out import TEST_FRACTION, TEST_SEED, hold_out_indices

Arrays = dict[str, tuple[np.ndarray, np.ndarray]]


class EmbeddedBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A builder that writes the arrays of an installed package, without a download.

    Attributes:
        feature: The name and the type of the feature.
        label: The name of the target.
        class_names: One name for each class, in the order of the labels.
    """

    VERSION = tfds.core.Version("1.0.0")
    # TFDS looks for checksums beside the code, through the directory of the top package, which a
    # namespace package such as `occam` need not have.
    code_path = tfds.core.Path(__file__)
    pkg_dir_path = tfds.core.Path(__file__).parent

    feature: ClassVar[tuple[str, tfds.features.FeatureConnector]]
    label: ClassVar[str] = "label"
    class_names: ClassVar[list[str]] = [str(digit) for digit in range(10)]
    homepage: ClassVar[str]
    citation: ClassVar[str]

    @classmethod
    def arrays(cls) -> Arrays:
        """Return features and labels of the parts `train` and `test`."""
        raise NotImplementedError

    @classmethod
    def task(cls) -> Task:
        """Return the task of the targets."""
        return Classification(tuple(cls.class_names), tuple(range(len(cls.class_names))))

    @classmethod
    def target_feature(cls) -> tfds.features.FeatureConnector:
        """Return the type of the target."""
        return tfds.features.ClassLabel(names=cls.class_names)

    def _info(self) -> tfds.core.DatasetInfo:
        name, feature = self.feature
        return tfds.core.DatasetInfo(
            builder=self,
            description=type(self).__doc__,
            homepage=self.homepage,
            citation=self.citation,
            features=tfds.features.FeaturesDict({name: feature, self.label: self.target_feature()}),
            supervised_keys=(name, self.label),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {part: self._generate_examples(x, y) for part, (x, y) in self.arrays().items()}

    def _generate_examples(self, features, labels):
        for key, (x, y) in enumerate(zip(features, labels, strict=True)):
            yield key, {self.feature[0]: x, self.label: y}


def with_fixed_test(features: np.ndarray, targets: np.ndarray, *, strata: Any = None) -> Arrays:
    """Split off a test part of 20%, the same on every machine, stratified by `strata`."""
    test = hold_out_indices(len(targets), TEST_FRACTION, TEST_SEED, strata)
    train = np.setdiff1d(np.arange(len(targets)), test)
    return {part: (features[i], targets[i]) for part, i in (("train", train), ("test", test))}


class RegressionBuilder(EmbeddedBuilder, skip_registration=True):
    """A builder whose target is a real number."""

    @classmethod
    def task(cls):
        return Regression.fit(cls.arrays()["train"][1], cls.label, [cls.label])

    @classmethod
    def target_feature(cls):
        return tfds.features.Scalar(dtype=np.float32)
