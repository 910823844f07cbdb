"""Mixup and label smoothing as a layer before the model."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.augmentation import CutMix, LabelSmoothing, Mix, MixUp

R = zoo.Regularization


@pytest.mark.parametrize(
    ("regularization", "kinds"),
    [
        (R(mixup=0.2), [MixUp]),
        (R(cutmix=0.2, label_smoothing=0.1), [CutMix, LabelSmoothing]),
        (R(mixup=0.2, cutmix=0.2), [Mix]),
        (R(label_smoothing=0.1), [LabelSmoothing]),
    ],
)
def test_mixing_and_smoothing(models, regularization, kinds):
    _model, report = zoo.regularize(models.convolutional(), regularization, seed=0)
    assert report.batch_augmentation is not None
    assert [type(layer) for layer in report.batch_augmentation.layers] == kinds
    assert {name for c in report.applied for name in c.asked} == set(regularization.on())
    x, y = np.ones((4, 8, 8, 3), "float32"), np.array([0, 1, 2, 0])
    _, soft = report.batch_augmentation((x, y), training=True)
    assert soft.shape == (4, 3)
    np.testing.assert_allclose(np.asarray(soft).sum(axis=1), 1, rtol=1e-6)


def test_no_request(models):
    assert zoo.regularize(models.sequential(), R(l2=0.1))[1].batch_augmentation is None


def test_a_model_that_is_no_classifier(models):
    with pytest.raises(ValueError, match=r"mixup changes nothing.*needs one output of"):
        zoo.regularize(models.several(), R(mixup=0.2))


def headed(units, activation):
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(units, activation=activation)(inputs))


def nested():
    return keras.Sequential([keras.Input((4,)), headed(3, "sigmoid")])


@pytest.mark.parametrize(
    ("model", "labels", "expected"),
    [
        (headed(3, "sigmoid"), [[1, 1, 0]], [[0.85, 0.85, 0.15]]),
        (nested(), [[1, 1, 0]], [[0.85, 0.85, 0.15]]),
        (headed(1, "sigmoid"), [1, 1], [[0.85], [0.85]]),
    ],
)
def test_the_labels_of_sigmoids_are_smoothed_as_by_binary_crossentropy(model, labels, expected):
    _, report = zoo.regularize(model, R(label_smoothing=0.3, mixup=0.2))
    x, y = np.ones((len(labels), 4), "float32"), np.array(labels)
    _, soft = report.batch_augmentation((x, y), training=True)  # pyright: ignore[reportOptionalCall]
    np.testing.assert_allclose(soft, expected, rtol=1e-6)


@pytest.mark.parametrize("activation", ["softmax", None])
def test_multi_hot_labels_of_a_head_of_classes_are_an_error(activation):
    _, report = zoo.regularize(headed(3, activation), R(label_smoothing=0.3))
    with pytest.raises(ValueError, match="must sum to one"):
        report.batch_augmentation(
            (np.ones((1, 4), "float32"), np.array([[1, 1, 0]])), training=True
        )  # pyright: ignore[reportOptionalCall]


@pytest.mark.parametrize("field", ["label_smoothing", "mixup"])
def test_one_unit_without_a_sigmoid_is_refused(field):
    with pytest.raises(ValueError, match=r"one unit without a sigmoid"):
        zoo.regularize(headed(1, None), R(**{field: 0.1}))


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize(
    "loss", ["binary_crossentropy", keras.losses.BinaryCrossentropy(from_logits=True)]
)
def test_a_compiled_binary_cross_entropy_says_that_units_are_no_classes(units, loss):
    model = headed(units, None)
    model.compile("sgd", loss)
    _, report = zoo.regularize(model, R(label_smoothing=0.3))
    rows = np.ones((1, units), "int32")
    _, soft = report.batch_augmentation((np.ones((1, 4), "float32"), rows), training=True)  # pyright: ignore[reportOptionalCall]
    np.testing.assert_allclose(soft, np.full((1, units), 0.85), rtol=1e-6)


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", zoo.losses.CategoricalCrossentropy(), "mse"]
)
def test_the_compiled_loss_decides_before_the_last_activation(loss):
    model = headed(3, "sigmoid")
    model.compile("sgd", loss)
    _, report = zoo.regularize(model, R(label_smoothing=0.3))
    (smoothing,) = report.batch_augmentation.layers  # pyright: ignore[reportOptionalMemberAccess]
    assert smoothing.multi_label is (loss == "mse")  # which says nothing


def test_values_are_not_mixed_as_if_they_were_classes():
    model = headed(3, None)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"its head is linear and its loss mean_squared_error"):
        zoo.regularize(model, R(mixup=0.2))
    brier = headed(3, "softmax")
    brier.compile("sgd", "mse")
    assert zoo.regularize(brier, R(mixup=0.2))[1].batch_augmentation is not None
