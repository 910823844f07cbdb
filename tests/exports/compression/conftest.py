import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def fresh_session():
    """Clear the session without garbage collection, which takes longer than most tests."""
    keras.backend.clear_session(free_memory=False)
    yield
    keras.backend.clear_session(free_memory=False)


@pytest.fixture
def give_weights():
    """Set random weights; the fraction `dead` of the units gets zeros."""

    def give(model, dead=0.0, seed=0):
        generator = np.random.default_rng(seed)
        for layer in model._flatten_layers():
            for weight in (*layer._trainable_variables, *layer._non_trainable_variables):
                if len(weight.shape) and keras.backend.is_float_dtype(weight.dtype):
                    weight.assign(_drawn(weight, dead, generator))

    return give


def _drawn(weight, dead, generator):
    shape, name = tuple(weight.shape), weight.name
    if name.endswith("variance"):
        return generator.uniform(0.1, 2, shape)
    values = generator.normal(size=shape)
    if name.endswith("kernel"):
        values *= np.sqrt(2 / np.prod(shape[:-1]))
        units = generator.random(shape[-1]) < dead
        values[..., units] = 0
    if name == "gamma":
        values = np.where(generator.random(shape) < dead / 2, 0, values)
    if name == "beta":  # relu then turns some dead channels into 0
        values = np.where(generator.random(shape) < 0.5, -abs(values), values)
    return values


@pytest.fixture
def same_answers():
    """Check that two models answer alike, relative to the largest answer."""

    def check(model, other, rtol=1e-5, seed=1):
        generator = np.random.default_rng(seed)
        shapes = [tensor.shape for tensor in model.inputs]
        inputs = [generator.normal(size=(3, *shape[1:])).astype("float32") for shape in shapes]
        inputs = inputs if len(inputs) > 1 else inputs[0]
        answers = zip(_answers(model, inputs), _answers(other, inputs), strict=True)
        for expected, received in answers:
            scale = max(np.abs(expected).max(), 1e-3)
            np.testing.assert_allclose(received, expected, rtol=0, atol=rtol * scale)

    return check


def _answers(model, inputs) -> list[np.ndarray]:
    answers = keras.tree.flatten(model(inputs))
    return [np.array(keras.ops.convert_to_numpy(answer)) for answer in answers]


@pytest.fixture
def set_weights():
    """Set weights of a layer by name."""

    def assign(model, name, **arrays):
        layer = model.get_layer(name)
        for weight in layer.weights:
            if weight.name in arrays:
                weight.assign(np.asarray(arrays[weight.name], "float32"))

    return assign
