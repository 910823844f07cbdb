import hashlib
import subprocess
import sys

import numpy as np
import pytest

from occam.zoo.data import DataError, load_data


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
    load_data("breast_cancer:1.0.0", data_dir=tmp_path)
    assert capfd.readouterr() == ("", "")


def test_the_arguments_make_the_same_data_again(data_dir, collect):
    data = load_data("digits", data_dir=data_dir, batch_size=7, seed=2, validation_fraction=0.3)
    again = load_data(**data.arguments)
    assert again.to_dict() == data.to_dict()
    np.testing.assert_array_equal(collect(again.validation)[0], collect(data.validation)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "`batch_size` must be an integer >= 1. Received: batch_size=0"),
        ({"batch_size": True}, "`batch_size` must be an integer >= 1. Received: batch_size=True"),
        ({"seed": -1}, "`seed` must be an integer from 0 to 4294967295. Received: seed=-1"),
        ({"seed": None}, "Received: seed=None"),
        ({"validation_fraction": 0}, r"must be a number in \(0, 1\). Received: validation_fracti"),
        ({"image_size": (8,)}, r"`image_size` must be \(height, width\), .*: image_size=\(8,\)"),
        ({"image_size": (8, 0)}, r"Received: image_size=\(8, 0\)"),
        ({"image_size": 8}, "Received: image_size=8"),
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
