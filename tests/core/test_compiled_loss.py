import functools

import keras
import pytest

from occam import zoo
from occam.core.compiled_loss import OTHER, compiled_losses, compiled_task, task_of_loss

LOSSES = [f for name, f in vars(keras.losses).items() if name.islower() and callable(f)]
HELPERS = {keras.losses.get, keras.losses.deserialize, keras.losses.serialize}


def compiled(loss, units=3):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
    model.compile(loss=loss)
    return model


@pytest.mark.parametrize(
    ("loss", "units", "task"),
    [
        ("mse", 1, "regression"),
        ("mae", 3, "regression"),
        (keras.losses.Huber(), 1, "regression"),
        (keras.losses.MeanSquaredError, 2, "regression"),
        (keras.losses.poisson, 1, "regression"),
        ("binary_crossentropy", 1, "classification"),
        ("binary_crossentropy", 3, "multilabel"),
        (keras.losses.BinaryFocalCrossentropy(), 2, "multilabel"),
        ("sparse_categorical_crossentropy", 3, "classification"),
        (keras.losses.CategoricalCrossentropy(from_logits=True), 3, "classification"),
        (
            functools.partial(keras.losses.binary_crossentropy, from_logits=True),
            1,
            "classification",
        ),
        (zoo.losses.CategoricalCrossentropy(), 3, "classification"),
        (zoo.losses.StandardizedSquaredError([1.0]), 1, "regression"),
        ("hinge", 1, None),
        (lambda y, p: p, 1, None),
        (None, 1, None),
    ],
)
def test_the_loss_tells_the_task(loss, units, task):
    assert compiled_task(compiled(loss, units), units) == task


def test_every_loss_of_keras_has_a_place():
    # A new loss of Keras fails here: say for which task it is, or in OTHER why for none.
    for loss in {*LOSSES} - HELPERS:
        assert task_of_loss(loss, 2) is not None or loss in OTHER, loss


@pytest.mark.parametrize(
    ("loss", "from_logits"),
    [
        ("binary_crossentropy", False),
        (keras.losses.BinaryCrossentropy(from_logits=True), True),
        (functools.partial(keras.losses.binary_crossentropy, from_logits=True), True),
        (zoo.losses.CategoricalCrossentropy(), True),
    ],
)
def test_a_cross_entropy_tells_whether_it_takes_logits(loss, from_logits):
    assert [loss.from_logits for loss in compiled_losses(compiled(loss))] == [from_logits]


def test_losses_of_several_outputs():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, {name: keras.layers.Dense(1, name=name)(inputs) for name in "ab"})
    model.compile(loss={"a": "mse", "b": "binary_crossentropy"})
    assert compiled_task(model, 1) is None
    assert len([*compiled_losses(model)]) == 2
