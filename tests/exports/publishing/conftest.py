import shutil

import keras
import pytest

from occam import exports


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """A directory with version 1, shared by all tests."""
    directory = tmp_path_factory.mktemp("published")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    exports.export(model, directory, class_names=["ant", "bee", "cat"], card={"license": "mit"})
    return directory


@pytest.fixture
def directory(published, tmp_path):
    """A copy with the versions 1, 2, 3 and 4 of the same content."""
    for version in range(1, 5):
        shutil.copytree(published / "1", tmp_path / str(version))
    return tmp_path
