"""The embedded data sets: straight from the arrays, and as builders of TensorFlow Datasets."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from sklearn.datasets import load_breast_cancer, make_multilabel_classification
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures

from occam.zoo.data import EMBEDDED, load_data
from occam.zoo.data.embedded import friedman1, reviews, tags
from occam.zoo.data.embedded.breast_cancer import BreastCancer
from occam.zoo.data.embedded.diabetes import Diabetes
from occam.zoo.data.embedded.digits import Digits
from occam.zoo.data.embedded.friedman1 import Friedman1
from occam.zoo.data.embedded.mnist1d import Mnist1d
from occam.zoo.data.embedded.reviews import Reviews
from occam.zoo.data.embedded.tags import Tags

FACTS = {
    "mnist1d": ((40, 1), "classification", 10, (3600, 400, 1000)),
    "digits": ((8, 8, 1), "classification", 10, (1293, 144, 360)),
    "breast_cancer": ((30,), "classification", 2, (409, 46, 114)),
    "reviews": ((14,), "classification", 2, (1800, 200, 1000)),
    "tags": ((20,), "multilabel", 5, (1440, 160, 400)),
    "diabetes": ((10,), "regression", 1, (317, 36, 89)),
    "friedman1": ((10,), "regression", 1, (450, 50, 2000)),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_shapes_and_sizes(name, collect):
    data = load_data(name)
    assert (data.input_shape, data.task.kind, data.task.units, tuple(data.sizes.values())) == FACTS[
        name
    ]
    for split, size in data.sizes.items():
        features, targets = collect(getattr(data, split))
        assert (features.shape, features.dtype) == ((size, *data.input_shape), np.float32)
        if data.task.kind == "classification":
            assert (targets.shape, targets.dtype) == ((size,), np.int32)
            assert set(targets) == set(range(data.num_classes))
        else:
            assert (targets.shape, targets.dtype) == ((size, data.task.units), np.float32)


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_builder_holds_the_same_examples(name, tmp_path, collect):
    arrays, built = load_data(name), load_data(f"{name}:1.0.0", data_dir=tmp_path)
    assert (arrays.task, arrays.origin) == (built.task, f"{name}/1.0.0")
    for part in arrays.sizes:
        for one, other in zip(collect(arrays.raw(part)), collect(built.raw(part)), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "digests"),
    [
        ("digits", ("b70efac1f67d", "ee13e45d2c16", "82bb8ddfca00")),
        ("breast_cancer", ("290b2a0e9df8", "3b2c96c1b4a3", "49569f7057ed")),
        ("mnist1d", ("882bbe1772fd", "4e229afc6e9a", "96509f467966")),
    ],
)
def test_the_split_is_the_same_in_every_release(name, digests):
    data = load_data(name, seed=3)
    for part, digest in zip(data.sizes, digests, strict=True):
        hashed = hashlib.sha256()
        for x, y in data.raw(part).as_numpy_iterator():
            hashed.update(x.tobytes() + y.tobytes())
        assert hashed.hexdigest()[:12] == digest, part


def test_digits_can_be_resized(tmp_path):
    assert load_data("digits", data_dir=tmp_path, image_size=(16, 12)).input_shape == (16, 12, 1)


def test_mnist1d_is_that_of_the_paper_and_keeps_numpys_global_seed(collect):
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


def test_breast_cancer_is_that_of_scikit_learn(collect):
    data = load_data("breast_cancer")
    assert data.class_names == ("malignant", "benign")
    rows = np.concatenate([collect(data.raw(split))[0] for split in data.sizes])
    table = np.asarray(load_breast_cancer(return_X_y=True)[0]).astype("float32")
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(table, axis=0))


def friedman(x):
    return (
        10 * np.sin(np.pi * x[:, 0] * x[:, 1])
        + 20 * (x[:, 2] - 0.5) ** 2
        + 10 * x[:, 3]
        + 5 * x[:, 4]
    )


def test_the_best_possible_r2_of_friedman1():
    variance = friedman(np.random.default_rng(0).random((400_000, 5))).var()
    assert variance == pytest.approx(23.8, abs=0.1)
    x, y = friedman1.Friedman1.arrays()["test"]
    noise = y - friedman(x.astype("float64"))
    assert noise.var() == pytest.approx(1.0, abs=0.1)
    scores = load_data("friedman1").task.scores(y[:, None], friedman(x)[:, None])
    assert scores["r2"] == pytest.approx(variance / (variance + 1), abs=0.005)


def test_the_label_noise_of_tags():
    _, clean, *_ = make_multilabel_classification(
        2000, n_features=20, n_classes=5, n_labels=2, random_state=0
    )
    parts = tags.Tags.arrays()
    noisy = np.concatenate([y for _, y in parts.values()])
    flips = (tags.Tags.arrays()["train"][1].sum() + parts["test"][1].sum() - clean.sum()) / 1e4
    assert noisy.shape == clean.shape
    # From a share p of ones, noise e makes p + e (1 - 2 p).
    expected = tags.NOISE * (1 - 2 * clean.mean())
    assert flips == pytest.approx(expected, abs=0.005)


def opinion(text):
    words = text.split()
    good = any(word in reviews._GOOD for word in words)
    assert good != any(word in reviews._BAD for word in words)
    return good != ("not" in words)


def test_the_rule_of_reviews_is_the_best_possible():
    for x, y in reviews.Reviews.arrays().values():
        right = np.mean([opinion(text) == label for text, label in zip(x, y, strict=True)])
        assert right == pytest.approx(1 - reviews.NOISE, abs=0.015)


def test_counting_words_is_no_better_than_chance():
    (x, y), (x_test, y_test) = reviews.Reviews.arrays().values()
    count = CountVectorizer().fit(x)
    linear = LogisticRegression(C=0.1).fit(count.transform(x), y)
    assert linear.score(count.transform(x_test), y_test) == pytest.approx(0.5, abs=0.06)
    pairs = PolynomialFeatures(2, interaction_only=True)
    quadratic = LogisticRegression(C=0.1, max_iter=500).fit(
        pairs.fit_transform(count.transform(x)), y
    )
    assert quadratic.score(pairs.transform(count.transform(x_test)), y_test) > 0.85


class OfBuilder:
    SKIP_CHECKSUMS = True
    EXAMPLE_DIR = Path(__file__).parent  # it must exist; nothing is read


class TestDigits(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Digits
    SPLITS = {"train": 1437, "test": 360}  # noqa: RUF012


class TestBreastCancer(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = BreastCancer
    SPLITS = {"train": 455, "test": 114}  # noqa: RUF012


class TestMnist1d(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Mnist1d
    SPLITS = {"train": 4000, "test": 1000}  # noqa: RUF012


class TestDiabetes(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Diabetes
    SPLITS = {"train": 353, "test": 89}  # noqa: RUF012


class TestFriedman1(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Friedman1
    SPLITS = {"train": 500, "test": 2000}  # noqa: RUF012


class TestTags(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Tags
    SPLITS = {"train": 1600, "test": 400}  # noqa: RUF012


class TestReviews(OfBuilder, tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Reviews
    OVERLAPPING_SPLITS = ("train", "test")  # short sentences come twice
    SPLITS = {"train": 2000, "test": 1000}  # noqa: RUF012
