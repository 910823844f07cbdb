import functools

import numpy as np
import pytest

from occam import zoo

ROWS = 240
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype("float32")
NOISE = np.random.default_rng(1).logistic(size=(ROWS, 3))
TARGETS = {
    "classification": np.array(["ant", "bee", "cat"])[(2 * X + NOISE).argmax(axis=1)],
    "multilabel": (2 * X[:, :2] + NOISE[:, :2] > 0).astype("int64"),
    "regression": np.stack([100 + 10 * X[:, 0] + NOISE[:, 0], X[:, 1]], axis=1).astype("float32"),
}


def load(task, **arguments):
    arguments = {"validation_fraction": 0.3, "batch_size": 32} | arguments
    return zoo.load_data((X, TARGETS[task]), task=task, **arguments)


def train(data, **arguments):
    model = zoo.create_model(
        "mlp",
        data=data,
        regularization=zoo.Regularization(dropout=0.1),
        seed=0,
        units=(8,),
    )
    arguments = {"epochs": 20, "refit": False, "verbose": 0, "rerun": False} | arguments
    return zoo.train(model, data, **arguments)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Returns a run of a task, and its data; each is trained once."""

    @functools.cache
    def trained(task):
        data = load(task)
        return train(data, log_dir=tmp_path_factory.mktemp("runs") / "run"), data

    return trained


@pytest.fixture
def classified(trained):
    """A run of a classification, and its data."""
    return trained("classification")
