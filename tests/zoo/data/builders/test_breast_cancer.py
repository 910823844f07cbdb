from pathlib import Path

import tensorflow_datasets as tfds

from occam.zoo.data.builders.breast_cancer import BreastCancer


class TestBreastCancer(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BreastCancer
    SPLITS = {"train": 455, "test": 114}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent  # it must exist; nothing is read
