import hashlib
import subprocess
import sys
from typing import cast

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.utils import Bunch

from occam.zoo.data import EMBEDDED, DataError, load_data

FACTS = {
    "mnist1d": ((40, 1), 10, {"train": 3600, "validation": 400, "test": 1000}),
    "digits": ((8, 8, 1), 10, {"train": 1293, "validation": 144, "test": 360}),
    "breast_cancer": ((30,), 2, {"train": 409, "validation": 46, "test": 114}),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded(name, data_dir, collect):
    data = load_data(name, data_dir=data_dir)
    assert (data.input_shape, data.num_classes, data.sizes) == FACTS[name]
    for split, size in data.sizes.items():
        features, labels = collect(getattr(data, split))
        assert (features.shape, features.dtype) == ((size, *data.input_shape), np.float32)
        assert (labels.shape, labels.dtype) == ((size,), np.int32)
        assert set(labels) == set(range(data.num_classes))


def test_mnist1d_is_the_papers_and_numpys_global_seed_is_kept(tmp_path, collect):
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    data = load_data("mnist1d", data_dir=tmp_path)
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    np.testing.assert_equal(after, before)
    features, labels = collect(data.raw("test"))
    # As mnist1d 0.0.2 makes them: figures are comparable only while these stay.
    assert labels[:10].tolist() == [2, 6, 3, 9, 4, 3, 1, 9, 5, 2]
    np.testing.assert_allclose(
        features[0, :4, 0], [-0.0787708, -0.2107317, -0.0917514, 0.2826711], atol=1e-6
    )


def test_breast_cancer_is_scikit_learns(data_dir, collect):
    data = load_data("breast_cancer", data_dir=data_dir)
    assert data.class_names == ("malignant", "benign")
    rows = np.concatenate([collect(data.raw(split))[0] for split in data.sizes])
    table = cast("Bunch", load_breast_cancer()).data.astype("float32")
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(table, axis=0))


def test_the_seed_moves_validation_but_not_test(data_dir, collect):
    first, second = (load_data("digits", data_dir=data_dir, seed=seed) for seed in (0, 1))
    assert not np.array_equal(collect(first.validation)[0], collect(second.validation)[0])
    np.testing.assert_array_equal(collect(first.raw("test"))[0], collect(second.raw("test"))[0])


DIGEST = """
import hashlib, sys
from occam.zoo.data import load_data
data = load_data("digits", data_dir=sys.argv[1], seed=3)
digest = hashlib.sha256()
for batches in (data.validation, data.train, data.epochs(2, seed=5).take(3)):
    for features, labels in batches.as_numpy_iterator():
        digest.update(features.tobytes() + labels.tobytes())
print(digest.hexdigest())
"""


def test_another_process_sees_the_same(data_dir):
    command = [sys.executable, "-c", DIGEST, str(data_dir)]
    other = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    data = load_data("digits", data_dir=data_dir, seed=3)
    digest = hashlib.sha256()
    for batches in (data.validation, data.train, data.epochs(2, seed=5).take(3)):
        for features, labels in batches.as_numpy_iterator():
            digest.update(features.tobytes() + labels.tobytes())
    assert digest.hexdigest() == other


def test_nothing_is_announced(tmp_path, capfd):
    load_data("breast_cancer", data_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_arguments_make_the_same_data_again(data_dir, collect):
    data = load_data("digits", data_dir=data_dir, batch_size=7, seed=2, validation_fraction=0.3)
    again = load_data(**data.arguments)
    assert again.to_dict() == data.to_dict()
    np.testing.assert_array_equal(collect(again.validation)[0], collect(data.validation)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size must be an integer of at least 1. Received: 0"),
        ({"batch_size": 2.0}, "batch_size must be an integer of at least 1. Received: 2.0"),
        ({"batch_size": True}, "batch_size must be an integer of at least 1. Received: True"),
        ({"seed": -1}, r"seed must be an integer from 0 to 2\*\*32 - 1. Received: -1"),
        ({"seed": None}, r"seed must be an integer from 0 to 2\*\*32 - 1. Received: None"),
        ({"validation_fraction": 0}, r"validation_fraction must be in \(0, 1\). Received: 0"),
        ({"validation_fraction": float("nan")}, "validation_fraction must be .* Received: nan"),
        ({"validation_fraction": "a"}, "validation_fraction must be .* Received: 'a'"),
        ({"image_size": (8,)}, r"image_size must be \(height, width\), .* Received: \(8,\)"),
        ({"image_size": (8, 0)}, r"image_size must be .* Received: \(8, 0\)"),
        ({"image_size": 8}, "image_size must be .* Received: 8"),
    ],
)
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_data("digits", **arguments)


def test_image_size_is_for_images(data_dir):
    with pytest.raises(DataError, match=r"measurements: image_size is for images"):
        load_data("breast_cancer", data_dir=data_dir, image_size=(8, 8))
    with pytest.raises(DataError, match=r"a\.npz: image_size is for images"):
        load_data("a.npz", image_size=(8, 8))
