"""The embedded data sets: straight from the arrays, and as builders of TensorFlow Datasets."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_breast_cancer

from occam.zoo.data import EMBEDDED, load_data
from occam.zoo.data.embedded.breast_cancer import BreastCancer
from occam.zoo.data.embedded.digits import Digits
from occam.zoo.data.embedded.mnist1d import Mnist1d

FACTS = {
    "mnist1d": ((40, 1), 10, {"train": 3600, "validation": 400, "test": 1000}),
    "digits": ((8, 8, 1), 10, {"train": 1293, "validation": 144, "test": 360}),
    "breast_cancer": ((30,), 2, {"train": 409, "validation": 46, "test": 114}),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_shapes_and_sizes(name, collect):
    data = load_data(name)
    assert (data.input_shape, data.num_classes, data.sizes) == FACTS[name]
    for split, size in data.sizes.items():
        features, labels = collect(getattr(data, split))
        assert (features.shape, features.dtype) == ((size, *data.input_shape), np.float32)
        assert (labels.shape, labels.dtype) == ((size,), np.int32)
        assert set(labels) == set(range(data.num_classes))


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_builder_holds_the_same_examples(name, tmp_path, collect):
    arrays, built = load_data(name), load_data(f"{name}:1.0.0", data_dir=tmp_path)
    assert (arrays.class_names, arrays.origin) == (built.class_names, f"{name}/1.0.0")
    for part in arrays.sizes:
        for one, other in zip(collect(arrays.raw(part)), collect(built.raw(part)), strict=True):
            np.testing.assert_array_equal(one, other)


def test_digits_can_be_resized(tmp_path):
    assert load_data("digits", data_dir=tmp_path, image_size=(16, 12)).input_shape == (16, 12, 1)


def test_mnist1d_is_the_papers_and_numpys_global_seed_is_kept(collect):
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    data = load_data("mnist1d")
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)
    features, labels = collect(data.raw("test"))
    # As mnist1d 0.0.2 makes them: figures are comparable only while these stay.
    assert labels[:10].tolist() == [2, 6, 3, 9, 4, 3, 1, 9, 5, 2]
    np.testing.assert_allclose(
        features[0, :4, 0], [-0.0787708, -0.2107317, -0.0917514, 0.2826711], atol=1e-6
    )


def test_breast_cancer_is_scikit_learns(collect):
    data = load_data("breast_cancer")
    assert data.class_names == ("malignant", "benign")
    rows = np.concatenate([collect(data.raw(split))[0] for split in data.sizes])
    table = np.asarray(load_breast_cancer(return_X_y=True)[0]).astype("float32")
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(table, axis=0))


class TestDigits(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Digits
    SPLITS = {"train": 1437, "test": 360}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent  # it must exist; nothing is read


class TestBreastCancer(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BreastCancer
    SPLITS = {"train": 455, "test": 114}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent


class TestMnist1d(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Mnist1d
    SPLITS = {"train": 4000, "test": 1000}  # noqa: RUF012
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent
