import keras
import numpy as np
import pytest

from occam import zoo


@pytest.fixture(autouse=True)
def repeatable():
    """Automatic names start again, and what has no seed draws the same, whatever ran before."""
    keras.backend.clear_session(free_memory=False)
    keras.utils.set_random_seed(0)


@pytest.fixture
def paths():
    """Where `zoo.lint` finds what a rule is about."""

    def paths(code, model, **arguments):
        return [f.path for f in zoo.lint(model, **arguments) if f.code == code]

    return paths


@pytest.fixture
def fit():
    """Trains for some steps on random numbers."""

    def fit(model, *, steps=1, **arguments):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(16 * steps, *model.input_shape[1:])).astype("float32")
        y = np.zeros((16 * steps, *model.output_shape[1:]), "float32")
        model.fit(x, y, batch_size=16, verbose=0, **arguments)

    return fit
