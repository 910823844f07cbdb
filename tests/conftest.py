import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory):
    """Holds the embedded data sets, made once a session."""
    return tmp_path_factory.mktemp("tensorflow_datasets")


@pytest.fixture(scope="session")
def digits(data_dir):
    """The `digits` data: 1293 training samples of (8, 8, 1), 10 classes."""
    from occam.zoo import load_data

    return load_data("digits", data_dir=data_dir)
