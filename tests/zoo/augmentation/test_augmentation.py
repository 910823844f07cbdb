"""The contract of all augmentation layers, their errors, and the simplest of them."""

import keras
import numpy as np
import pytest

from occam.zoo.augmentation import (
    CutMix,
    FeatureNoise,
    LabelSmoothing,
    Mix,
    MixUp,
    Pipeline,
    RandAugment,
    RandomErasing,
    RandomScale1D,
    RandomShift1D,
    TimeWarp,
    TrivialAugment,
)
from occam.zoo.augmentation.augmentation import Augmentation

X = np.zeros((100, 100), "float32")
SERIES, IMAGES = (7, 12, 2), (7, 8, 10, 3)
CHANNELS = ([0, 0, 0], [1, 1, 1])


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (FeatureNoise(0.3, seed=1), (7, 5)),
        (FeatureNoise(0.3, seed=1), SERIES),
        (FeatureNoise(0.3, seed=1), IMAGES),
        (RandomShift1D(3, "wrap", seed=1), SERIES),
        (RandomShift1D(3, "nearest", seed=1), SERIES),
        (RandomShift1D(3, "constant", seed=1), SERIES),
        (RandomScale1D(0.3, seed=1), SERIES),
        (TimeWarp(0.3, seed=1), SERIES),
        (Pipeline([RandomShift1D(3), RandomScale1D(0.2)], seed=1), SERIES),
        (RandAugment(value_range=(0, 1), seed=1), IMAGES),
        (RandAugment(num_ops=3, magnitude=30, value_range=CHANNELS, seed=1), IMAGES),
        (TrivialAugment(value_range=(0, 1), seed=1), IMAGES),
        (RandomErasing(0.7, value_range=(0, 1), seed=1), IMAGES),
    ],
)
def test_contract(check_augmentation, layer, shape):
    check_augmentation(layer, np.random.default_rng(0).uniform(size=shape).astype("float32"))


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (FeatureNoise, {"stddev": -0.1}, r"`stddev` must be a number in \[0, inf\)"),
        (RandomShift1D, {"max_shift": -1}, r"`max_shift` must be a number in \[0, inf\)"),
        (RandomShift1D, {"max_shift": 2, "fill_mode": "mirror"}, "must be one of .*='mirror'"),
        (RandomScale1D, {"factor": 1.1}, r"`factor` must be a number in \[0, 1\]"),
        (TimeWarp, {"stddev": 0.2, "knots": 1}, "`knots` must be an integer >= 2. Rec.*: knots=1"),
        (RandAugment, {"num_ops": 0}, "`num_ops` must be an integer >= 1"),
        (RandAugment, {"magnitude": 31}, r"`magnitude` must be a number in \[0, 30\]"),
        (RandAugment, {"value_range": (1, 0)}, "`value_range` must be a pair of a lower and a"),
        (TrivialAugment, {"value_range": 255}, "`value_range` must be a pair of a lower.*=255"),
        (TrivialAugment, {"fill": 2}, r"`fill` must be a number in \[0, 1\]. Received: fill=2"),
        (RandomErasing, {"value_range": (1, 1)}, "`value_range` must be a pair of a lower"),
        (RandomErasing, {"area": (0.5, 0.1)}, r"`area` must be two rising numbers in \(0, 1\]"),
        (RandomErasing, {"aspect": (0, 1)}, "`aspect` must be two rising numbers"),
        (RandomErasing, {"fill": "mean"}, r"`fill` must be a number in \[0, 1\]. .*='mean'"),
        (LabelSmoothing, {"num_classes": 1}, "`num_classes` must be an integer >= 2. Rec.*=1"),
        (LabelSmoothing, {"num_classes": 3, "epsilon": 1.0}, r"number in \[0, 1\). .*epsilon=1.0"),
        (MixUp, {"num_classes": 1}, "`num_classes` must be an integer >= 2. Received: .*=1"),
        (MixUp, {"num_classes": 3, "per": "elem"}, "`per` must be one of .*: per='elem'"),
        (MixUp, {"num_classes": 3, "alpha": -1.0}, r"`alpha` must be a number in \[0, inf\)"),
        (CutMix, {"num_classes": 3, "alpha": -1.0}, r"`alpha` must be a number in \[0, inf\)"),
        (Mix, {"num_classes": 3, "probability": 1.5}, r"`probability` must be .* \[0, 1\]. .*=1.5"),
        (Mix, {"num_classes": 3, "switch": 1.5}, r"`switch` must be a number in \[0, 1\]. .*=1.5"),
        (Mix, {"num_classes": 3, "last_epoch": -1}, "`last_epoch` must be an integer >= 0 or None"),
        (
            Pipeline,
            {"layers": [keras.layers.ReLU()]},
            "layers of occam.zoo.augmentation. Rec.*ReLU",
        ),
    ],
)
def test_wrong_arguments_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "1", True, None])
def test_a_probability_out_of_range_is_refused(value):
    layer = RandomErasing(1)
    with pytest.raises(ValueError, match=r"`probability` must be a number in \[0, 1\]. Received"):
        layer.probability = value
    assert layer.probability == 1


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        *[
            (layer, "steps, channels")
            for layer in (RandomShift1D(1), RandomScale1D(0), TimeWarp(0))
        ],
        *[(kind(), "height, width, channels") for kind in (RandAugment, TrivialAugment)],
        (RandomErasing(), "height, width, channels"),
        (CutMix(3), r"steps, channels\) or \(batch, height, width, channels"),
        (Mix(3), r"steps, channels\) or \(batch, height, width, channels"),
    ],
)
def test_inputs_of_another_rank_are_refused(layer, message):
    table = (X, np.zeros(100, int)) if layer.takes_labels else X
    with pytest.raises(ValueError, match=rf"\(batch, {message}\). Received: shape \(100, 100\)"):
        layer(table, training=True)


def test_layers_of_one_seed_draw_differently():
    one, other = (np.asarray(FeatureNoise(1.0, seed=1)(X, training=True)) for _ in range(2))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 4 / 100


def test_a_seed_in_the_call_leaves_the_counter_of_the_layer_unchanged():
    layer = FeatureNoise(1.0, seed=1, name="noise")
    layer(X, training=True, seed=3)
    layer(X, training=False)
    first = FeatureNoise(1.0, seed=1, name="noise")(X, training=True)
    np.testing.assert_array_equal(layer(X, training=True), first)


def test_a_subclass_must_define_augment():
    with pytest.raises(NotImplementedError, match="Augmentation defines no `augment`"):
        Augmentation()(X, training=True)


def test_strengths_read_as_they_were_set():
    mix = Mix(3, mixup_alpha=0.3)
    mix.switch = 0.7
    config = mix.get_config()
    assert (config["mixup_alpha"], config["switch"], mix.epoch) == (0.3, 0.7, 0.0)


def test_the_noise_has_its_standard_deviation_and_no_mean():
    noise = np.asarray(FeatureNoise(0.5, seed=1)(np.full((200, 100), 3.0), training=True)) - 3
    assert abs(noise.mean()) < 4 * 0.5 / np.sqrt(20_000)
    assert noise.std() == pytest.approx(0.5, rel=0.02)
