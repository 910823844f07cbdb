from pathlib import Path

import tensorflow_datasets as tfds

from occam.zoo.data.builders.digits import Digits


class TestDigits(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Digits
    SPLITS = {"train": 1437, "test": 360}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent  # it must exist; nothing is read
