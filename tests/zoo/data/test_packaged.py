"""Public data sets that packages ship."""

import numpy as np
import pytest
from sklearn import datasets

from occam import zoo
from occam.zoo.data import DataError
from occam.zoo.data.packaged import read_packaged


def test_wine_of_scikit_learn():
    expected = datasets.load_wine()
    data = zoo.load_data("sklearn/wine")
    assert data.name == "sklearn/wine"
    assert data.class_names == ("class_0", "class_1", "class_2")
    assert sum(data.sizes.values()) == 178
    source = read_packaged("sklearn/wine")
    np.testing.assert_allclose(source.train.features, expected.data, rtol=1e-6)
    np.testing.assert_array_equal(source.train.targets, expected.target)


@pytest.mark.parametrize(
    ("name", "kind", "shape"),
    [
        ("breast_cancer", "classification", (30,)),
        ("diabetes", "regression", (10,)),
        ("digits", "classification", (8, 8, 1)),
        ("iris", "classification", (4,)),
        ("linnerud", "regression", (3,)),
    ],
)
def test_the_others_of_scikit_learn(name, kind, shape):
    source = read_packaged(f"sklearn/{name}")
    assert (source.task.kind, source.train.input_shape) == (kind, shape)


def test_series_of_the_ucr_archive():
    pytest.importorskip("aeon")
    data = zoo.load_data("ucr/GunPoint")
    assert data.sizes == {"train": 45, "validation": 5, "test": 150}
    assert (data.input_shape, data.batch_size) == ((150, 1), 16)
    assert data.class_names == ("1", "2")
    assert zoo.load_data("ucr/BasicMotions").input_shape == (100, 6)
    assert zoo.load_data("ucr/Covid3Month").task.kind == "regression"


def test_series_of_different_lengths_are_an_error():
    pytest.importorskip("aeon")
    with pytest.raises(DataError, match=r"^ucr/JapaneseVowels: the series have different lengths"):
        zoo.load_data("ucr/JapaneseVowels")


def test_what_no_package_ships_is_an_error():
    with pytest.raises(DataError, match=r"^sklearn/boston: is not shipped; the names are breast_c"):
        zoo.load_data("sklearn/boston")


def test_a_package_that_is_not_installed_is_an_error(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = r"^ucr/GunPoint: is shipped by the package aeon, which is not installed. pip install"
    with pytest.raises(DataError, match=message):
        zoo.load_data("ucr/GunPoint")
