"""Folds: each row is validated once in each repeat; preprocessing knows only the other rows."""

import re

import numpy as np
import pandas as pd
import pytest

from occam import zoo
from occam.zoo.data import DataError

X = np.random.default_rng(0).normal(size=(46, 3)).astype("float32")
Y = np.arange(46) % 3


def load(x=X, y=Y, validation="cv:5x2", **options):
    return zoo.load_data((x, y), validation=validation, test=False, **options)


def rows(split):
    return {tuple(row) for row in split.features.tolist()}


def test_each_row_is_validated_once_in_each_repeat_and_classes_keep_their_share():
    data = load()
    assert data.cv == "cv:5x2"
    assert data.sizes == {"train": 46}
    folds = data.folds()
    assert len(folds) == 10
    for repeat in (folds[:5], folds[5:]):
        validated = [rows(fold.raw_splits["validation"]) for fold in repeat]
        assert sum(map(len, validated)) == len(set.union(*validated)) == 46
        for fold, seen in zip(repeat, validated, strict=True):
            assert not seen & rows(fold.raw_splits["train"])
            counts = np.bincount(fold.raw_splits["validation"].targets)
            assert counts.min() >= 3
            assert counts.max() <= 4
    assert rows(folds[0].raw_splits["validation"]) != rows(folds[5].raw_splits["validation"])


def test_the_folds_are_the_same_for_the_same_seed_and_the_masks_name_their_rows():
    data, masks = load(), load().fold_masks()
    for fold, again, mask in zip(data.folds(), load().folds(), masks, strict=True):
        for part in ("train", "validation"):
            np.testing.assert_array_equal(
                fold.raw_splits[part].features, again.raw_splits[part].features
            )
        np.testing.assert_array_equal(fold.raw_splits["validation"].features, X[mask])
    assert (load(seed=1).fold_masks() != masks).any()


def test_each_fold_standardizes_by_its_own_training_rows():
    for fold in load().folds():
        train = fold.raw_splits["train"].features
        np.testing.assert_allclose(np.ravel(fold.preprocessing.mean), train.mean(0), atol=1e-6)
        x, _ = map(np.concatenate, zip(*fold.validation.as_numpy_iterator(), strict=True))
        expected = (fold.raw_splits["validation"].features - train.mean(0)) / train.std(0)
        np.testing.assert_allclose(x, expected, atol=1e-5)


def test_data_with_a_validation_part_has_folds_of_all_rows_but_those_of_the_test():
    data = zoo.load_data((X, Y))
    folds = data.folds(3)
    assert [fold.sizes["validation"] for fold in folds] == [12, 12, 12]
    assert "test" not in folds[0].raw_splits
    whole = data.without_validation()
    assert whole.sizes == {"train": 36, "test": 10}
    parts = [data.raw_splits["train"], data.raw_splits["validation"]]
    assert rows(whole.raw_splits["train"]) == rows(parts[0]) | rows(parts[1])
    assert whole.preprocessing is data.preprocessing
    assert not whole.reloadable


def test_the_weights_of_samples_and_balanced_classes_follow_the_rows():
    weighted = zoo.load_data((X, Y, np.arange(1.0, 47.0)), test=False, validation="cv:2")
    for fold, mask in zip(weighted.folds(), weighted.fold_masks(), strict=True):
        np.testing.assert_array_equal(fold.raw_splits["train"].weights, np.arange(1.0, 47.0)[~mask])
    fold = load(class_weight="balanced", validation="cv:2").folds()[0]
    counts = np.bincount(fold.raw_splits["train"].targets)
    expected = counts.sum() / (3 * counts)
    np.testing.assert_allclose(np.asarray(fold.class_weights), expected)


def test_groups_are_kept_together():
    frame = pd.DataFrame({"a": X[:40, 0], "who": np.arange(40) // 4, "y": Y[:40] % 2})
    data = zoo.load_data(frame, target="y", split="group:who", validation="cv:4x2")
    for mask in data.fold_masks():
        groups = data.raw_splits["train"].keys
        assert not set(groups[mask]) & set(groups[~mask])


def test_a_category_that_a_fold_lacks_leaves_the_shape_of_the_features():
    frame = pd.DataFrame({"a": X[:, 0], "c": ["x"] * 45 + ["y"], "t": Y % 2})
    data = zoo.load_data(frame, target="t", test=None, validation="cv:3")
    assert {fold.input_shape for fold in data.folds()} == {data.input_shape}


def test_regression_has_folds_and_one_task_for_all():
    data = load(y=X[:, 0] * 3, validation="cv:4")
    assert data.task.kind == "regression"
    assert {fold.task for fold in data.folds()} == {data.task}


@pytest.mark.parametrize(
    ("y", "validation", "text"),
    [
        (Y, "cv:1", "`validation` must be 'cv:k' or 'cv:kxr' for r repeats, such as 'cv:5x2'"),
        (Y, "cv:5x0", "Received: validation='cv:5x0'"),
        (Y, "cv:five", "Received: validation='cv:five'"),
        (
            np.array([2] * 3 + [0] * 4 + [1] * 39),
            "cv:5",  # the smallest of two small classes
            "sample of every class. Received: 3 of '2'. Use 3 folds at most.",
        ),
        (X[:, 0], "cv:50", "50 folds need at least 50 samples. Received: 46."),
    ],
)
def test_what_cannot_be_divided_is_an_error(y, validation, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        load(y=y, validation=validation)


def test_streams_times_and_a_validation_part_of_its_own_have_no_folds(tmp_path):
    frame = pd.DataFrame({"a": X[:, 0], "when": np.arange(46), "t": Y % 2})
    with pytest.raises(DataError, match="in the order of time have no folds"):
        zoo.load_data(frame, target="t", split="time:when", validation="cv:3")
    np.savez(tmp_path / "own.npz", x=X, y=Y, x_val=X, y_val=Y)
    with pytest.raises(DataError, match="`validation` must be left out, since the source has a va"):
        zoo.load_data(str(tmp_path / "own.npz"), validation="cv:3")
    with pytest.raises(ValueError, match=r"`k` must be an integer >= 2, unless the data has `cv`"):
        zoo.load_data((X, Y)).folds()
    with pytest.raises(ValueError, match="Received: k=None, repeats=2"):
        load().folds(repeats=2)
    with pytest.raises(AttributeError, match=r"has no validation part, but folds \(cv:5x2\)"):
        _ = load().validation


def test_the_arguments_of_named_data_load_it_again(tmp_path):
    data = zoo.load_data("breast_cancer", validation="cv:3")
    assert data.reloadable
    again = zoo.load_data(**data.arguments)
    assert again.cv == "cv:3"
    np.testing.assert_array_equal(again.fold_masks(), data.fold_masks())
    assert "by folds (cv:3) of the training part" in data.describe()
    data.save(tmp_path / "saved.npz")
    assert np.load(tmp_path / "saved.npz")["x"].shape == (455, 30)
