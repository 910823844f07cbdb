"""Parameter counts against the papers', and what is particular to one architecture."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.layers import StochasticDepth


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_mlp_of_the_mnist1d_paper():
    model = zoo.create_model("mlp", input_shape=(40, 1), num_classes=10, units=(100, 100))
    assert trainable(model) == 15_210  # Greydanus & Kobak 2020, table 1


def test_resnet20_of_he_et_al():
    model = zoo.create_model("resnet20", input_shape=(32, 32, 3), num_classes=10)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) == 6 * 3 + 1  # 20 with the dense layer
    # By hand, with option A: 432 + 6*2304 + 4608 + 5*9216 + 18432 + 5*36864 weights of the
    # convolutions, 2*(7*16 + 6*32 + 6*64) of the normalizations, 650 of the logits.
    assert trainable(model) == 269_722
    assert round(trainable(model) / 1e6, 2) == 0.27  # He et al. 2015, table 6


def test_resnet20_halves_twice_and_pads_its_shortcuts_with_zeros():
    model = zoo.create_model("resnet20", input_shape=(32, 32, 3), num_classes=10)
    sums = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert sums == [(32, 32, 16)] * 3 + [(16, 16, 32)] * 3 + [(8, 8, 64)] * 3


def test_resnet1d_has_about_32000_parameters():
    model = zoo.create_model("resnet1d", input_shape=(40, 1), num_classes=10)
    assert trainable(model) == 31_658


@pytest.mark.parametrize(
    ("name", "shape", "blocks"), [("resnet1d", (40, 1), 3), ("resnet20", (32, 32, 3), 9)]
)
def test_depth_rates_rise_linearly_to_the_stated_one(name, shape, blocks):
    regularization = zoo.Regularization(stochastic_depth=0.4)
    model = zoo.create_model(name, input_shape=shape, num_classes=10, regularization=regularization)
    rates = [layer.rate for layer in model.layers if isinstance(layer, StochasticDepth)]
    assert rates == pytest.approx(np.linspace(0, 0.4, blocks))
    assert rates[-1] == 0.4
