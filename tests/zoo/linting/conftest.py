import keras
import numpy as np
import pytest

from occam import zoo


@pytest.fixture(autouse=True)
def repeatable():
    """Reset automatic names and seeds."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def paths():
    """A function that returns the paths of the findings of a rule."""

    def paths(code, model, **arguments):
        return [f.path for f in zoo.lint(model, **arguments) if f.code == code]

    return paths


@pytest.fixture
def fit():
    """A function that trains for some steps on random numbers."""

    def fit(model, *, steps=1, **arguments):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(16 * steps, *model.input_shape[1:])).astype("float32")
        y = np.zeros((16 * steps, *model.output_shape[1:]), "float32")
        model.fit(x, y, batch_size=16, verbose=0, **arguments)

    return fit
