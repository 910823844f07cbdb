"""What needs the labels is a layer before the model."""

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
    assert report.front is not None
    assert [type(layer) for layer in report.front.layers] == kinds
    assert {name for c in report.applied for name in c.asked} == set(regularization.on())
    x, y = np.ones((4, 8, 8, 3), "float32"), np.array([0, 1, 2, 0])
    _, soft = report.front((x, y), training=True)
    assert soft.shape == (4, 3)
    np.testing.assert_allclose(np.asarray(soft).sum(axis=1), 1, rtol=1e-6)


def test_nothing_asked(models):
    assert zoo.regularize(models.sequential(), R(l2=0.1))[1].front is None


def test_a_model_that_is_no_classifier(models):
    with pytest.raises(ValueError, match=r"mixup changes nothing.*needs one output of"):
        zoo.regularize(models.several(), R(mixup=0.2))
