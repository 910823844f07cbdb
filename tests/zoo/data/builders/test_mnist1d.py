from pathlib import Path

import tensorflow_datasets as tfds

from occam.zoo.data.builders.mnist1d import Mnist1d


class TestMnist1d(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Mnist1d
    SPLITS = {"train": 4000, "test": 1000}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent  # it must exist; nothing is read
