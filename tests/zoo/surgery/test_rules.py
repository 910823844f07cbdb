"""Rules: their patterns, order and requests."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo.layers import Dropout, GaussianNoise, SpatialDropout
from occam.zoo.regularizers import L1, L2
from occam.zoo.surgery.parts import Part
from occam.zoo.surgery.rules import check_pattern, matches_layer, matches_part, matches_slot


def penalties(report):
    """The strengths of the penalties, by weight."""
    return {f"{row.layer}/{row.variable}": row.strength for row in report.rows()}


def test_patterns_of_names_and_paths(models):
    _, report = zoo.regularize(models.nested(), rules={"conv*": L2(0.1), "head/*": L1(0.2)})
    assert penalties(report) == {
        "backbone/conv1/kernel": "l2=0.1",
        "backbone/conv2/kernel": "l2=0.1",
        "head/fc/kernel": "l1=0.2",
        "head/logits/kernel": "l1=0.2",
    }


def test_the_first_that_matches_counts(models):
    rules = {"conv1": None, "backbone": L2(0.1), "*": L2(0.3), "logits": L2(0.4)}
    with pytest.raises(ValueError, match=r"rules\['logits'\] changes nothing.*Earlier rules"):
        zoo.regularize(models.nested(), rules=rules)
    del rules["logits"]
    _, report = zoo.regularize(models.nested(), rules=rules)
    assert penalties(report) == {
        "backbone/conv2/kernel": "l2=0.1",
        "head/fc/kernel": "l2=0.3",
        "head/logits/kernel": "l2=0.3",
    }


def test_the_regularization_holds_where_rules_say_nothing(models):
    rules = {"conv1": None, "fc": {"dropout": 0.5}, "logits": L2(0.4)}
    _, report = zoo.regularize(models.nested(), zoo.Regularization(l2=0.1), rules=rules)
    assert penalties(report) == {
        "backbone/conv2/kernel": "l2=0.1",
        "head/fc/kernel": "l2=0.1",
        "head/logits/kernel": "l2=0.4",
    }


def test_classes(models):
    rules = {layers.SeparableConv2D: L2(0.1), layers.Dense: L1(0.2)}
    _, report = zoo.regularize(models.convolutional(), rules=rules)
    assert penalties(report) == {
        "separable/depthwise_kernel": "l2=0.1",
        "separable/pointwise_kernel": "l2=0.1",
        "head/kernel": "l1=0.2",
    }


def test_weights_by_name(models):
    rules = {
        "*/recurrent": L2(0.3),
        "both": {"kernel": L2(0.1), "bias": L1(0.2)},
        "stack": {"kernel": L2(0.4)},
        layers.Embedding: L2(0.5),
        "head/bias": L2(0.6),
    }
    _, report = zoo.regularize(models.recurrent(), rules=rules)
    assert penalties(report) == {
        "embedding/embeddings": "l2=0.5",
        **{
            f"both/{way}_lstm/lstm_cell/{name}": strength
            for way in ("forward", "backward")
            for name, strength in [
                *(("kernel", "l2=0.1"), ("recurrent_kernel", "l2=0.3"), ("bias", "l1=0.2"))
            ]
        },
        "stack/cells/one/kernel": "l2=0.4",
        "stack/cells/one/recurrent_kernel": "l2=0.3",
        "stack/cells/two/kernel": "l2=0.4",
        "stack/cells/two/recurrent_kernel": "l2=0.3",
        "head/bias": "l2=0.6",
    }


def test_a_bias_is_skipped_unless_the_pattern_or_the_dictionary_names_it(models):
    for rules in ({"head/bias": L2(0.6)}, {"head": {"bias": L2(0.6)}}):
        _, report = zoo.regularize(models.recurrent(), rules=rules)
        assert penalties(report) == {"head/bias": "l2=0.6"}
    with pytest.raises(ValueError, match=r"rules\['head/b\*'\] changes .* are skipped unless"):
        zoo.regularize(models.recurrent(), rules={"head/b*": L2(0.6)})


def test_inside_of_attention(models):
    _, report = zoo.regularize(models.attention(), rules={"mha": L2(0.1)})
    names = ("query", "key", "value", "attention_output")
    assert penalties(report) == {f"mha/{name}/kernel": "l2=0.1" for name in names}


def test_skip(models):
    _, report = zoo.regularize(models.convolutional(), rules={"*": L2(0.1)}, skip=())
    assert {"stem_norm/gamma", "stem_norm/beta", "head/bias"} <= set(penalties(report))
    everywhere = zoo.Regularization(l2=0.1)
    _, report = zoo.regularize(models.convolutional(), everywhere, skip=["stem*", layers.Dense])
    assert set(penalties(report)) == {
        *("separable/depthwise_kernel", "separable/pointwise_kernel", "separable/bias"),
        *("depthwise/kernel", "depthwise/bias", "up/kernel", "up/bias"),
    }
    with pytest.raises(ValueError, match=r"rules\['stem'\] changes.*`skip` leaves its layers out"):
        zoo.regularize(models.convolutional(), rules={"stem": L2(0.1)}, skip=["stem*"])


def test_all_that_a_dictionary_can_say(models):
    rules = {
        "separable": {
            "kernel": L2(0.1),
            "pointwise": L1(0.2),
            "activity": L2(0.3),
            "max_norm": 2.0,
            "spatial_dropout": 0.4,
            "noise": 0.5,
        },
        "up": {"constraint": keras.constraints.NonNeg(), "dropout": 0.6},
    }
    model, report = zoo.regularize(models.convolutional(), rules=rules)
    assert penalties(report) == {
        "separable/depthwise_kernel": "l2=0.1",
        "separable/pointwise_kernel": "l1=0.2",
    }
    layer = model.get_layer("separable")
    assert layer.activity_regularizer.l2 == 0.3
    assert layer.depthwise_kernel.constraint.axis == [0, 1]
    assert layer.pointwise_kernel.constraint.axis == [0, 1, 2]
    assert isinstance(model.get_layer("up").kernel.constraint, keras.constraints.NonNeg)
    assert model.get_layer("up").kernel.regularizer is None
    inserted = {
        "separable_spatial_dropout": (SpatialDropout, 0.4),
        "separable_noise": (GaussianNoise, 0.5),
        "up_dropout": (Dropout, 0.6),
    }
    for name, (kind, rate) in inserted.items():
        put = model.get_layer(name)
        assert isinstance(put, kind)
        assert (put.stddev if kind is GaussianNoise else put.rate) == rate
    assert model.get_layer("separable_spatial_dropout").input is layer.output


def test_a_penalty_of_the_users_own(models, check, tmp_path):
    @keras.saving.register_keras_serializable(package="tests")
    class Cubic(keras.regularizers.Regularizer):
        def __call__(self, x):
            return keras.ops.sum(keras.ops.abs(x) ** 3)

        def get_config(self):
            return {}

    model, report = zoo.regularize(models.sequential(), rules={"hidden": Cubic()})
    kernel = check.values([model.get_layer("hidden").kernel])[0]
    assert check.total(model) == pytest.approx((np.abs(kernel) ** 3).sum(), rel=1e-5)
    assert report.rows()[0][2:4] == ("Cubic", "")


def test_keras_penalties_become_live_ones(models):
    model, _ = zoo.regularize(models.sequential(), rules={"hidden": "l2"})
    assert isinstance(model.get_layer("hidden").kernel.regularizer, L2)


@pytest.mark.parametrize(
    ("rules", "error", "message"),
    [
        ([L2()], TypeError, "`rules` must be a mapping of patterns"),
        ({3: L2()}, TypeError, "`rules` must be made of patterns of names.*Received: rules=3"),
        ({"": L2()}, TypeError, "`rules` must be made of patterns of names.*Received: rules=''"),
        ({L2: L2()}, TypeError, "and classes of layers. Received: rules=<class"),
        (
            {"hiden": L2()},
            ValueError,
            r"rules\['hiden'\] matches no layer. The nearest of 2 paths: hidden",
        ),
        ({"hiden": None}, ValueError, "matches no layer"),
        ({layers.Conv2D: L2()}, ValueError, r"rules\['Conv2D'\] matches no layer"),
        (
            {"hidden": 0.1},
            ValueError,
            r"`rules\['hidden'\]` must be a regularizer.*Received: .*=0.1",
        ),
        (
            {"hidden": lambda w: 0.0},
            ValueError,
            "that Keras can save and load.*Received: .*=<function",
        ),
        ({"hidden": {}}, ValueError, "must be None, to leave layers alone, or"),
        ({"hidden": {"drop": 0.1}}, ValueError, r'"dropout".*Received: .*=0.1'),
        (
            {"hidden": {"dropout": -0.1}},
            ValueError,
            r"`rules\['hidden'\]\['dropout'\]` must be a number in \[0, inf\). Received: .*-0.1",
        ),
        (
            {"hidden": {"constraint": 3}},
            ValueError,
            r"\['constraint'\]` must be a constraint of Keras. Received: .*=3",
        ),
        (
            {"hidden": {"recurrent": L2()}},
            ValueError,
            r"rules\['hidden'\]\['recurrent'\] changes nothing.*have the weights bias, kernel;",
        ),
        (
            {"logits": {"dropout": 0.1}},
            ValueError,
            "logits dropout: .*: it is the model's output; name other",
        ),
        (
            {"hidden": {"spatial_dropout": 0.1}},
            ValueError,
            "hidden spatial_dropout: .*: its output has no steps or pixels beside",
        ),
    ],
)
def test_wrong_rules(models, rules, error, message):
    with pytest.raises(error, match=message):
        zoo.regularize(models.sequential(), rules=rules)


def test_max_norm_where_the_units_are_not_known(models):
    with pytest.raises(ValueError, match=r"mha kernel: .*the axes that lead into one unit"):
        zoo.regularize(models.attention(), rules={"mha": {"max_norm": 1.0}})


def test_a_layer_that_is_called_twice_gets_one_dropout(models, check):
    rules = {"shared": {"dropout": 0.5}, "inner": {"dropout": 0.2}}
    original = models.shared()
    model, report = zoo.regularize(original, rules=rules)
    check.assert_copy(original, model)
    names = [layer.name for layer in model.layers if isinstance(layer, Dropout)]
    assert sorted(names) == ["inner_dropout", "shared_dropout"]
    assert len(report.applied) == 2


def test_layers_of_a_model_in_a_wrapper(check):
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="fc1"), layers.Dense(2, name="fc2")], name="inner"
    )
    inputs = keras.Input((5, 4), name="x")
    model = keras.Model(inputs, layers.TimeDistributed(inner, name="each")(inputs))
    regularized, report = zoo.regularize(model, rules={"each/inner/fc2": L2(0.1)})
    assert penalties(report) == {"each/inner/fc2/kernel": "l2=0.1"}
    check.assert_copy(model, regularized)


DENSE = keras.layers.Dense(2, name="fc1")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("fc*", True),
        ("FC1", False),
        ("top", False),
        ("top/*", True),
        ("*/fc1", True),
        ("fc1/*", False),
        ("other/*", True),
        (keras.layers.Layer, True),
        (keras.layers.Conv1D, False),
    ],
)
def test_layers(pattern, expected):
    assert matches_layer(pattern, DENSE, ("top/fc1", "other/fc1")) is expected


def test_a_layer_matches_a_pattern_of_everything_inside_it():
    assert matches_layer("fc1/*", DENSE, ("fc1",))


def test_models_around_a_layer_match():
    top = keras.Sequential(name="top")
    part = Part(DENSE, ("top/fc1",), {}, DENSE, (), ((top, ("top",)),))
    assert matches_part("top", part)
    assert matches_part(keras.Sequential, part)
    assert not matches_part("bottom", part)


def test_weights():
    part = Part(DENSE, ("top/fc1",), {}, DENSE)
    assert matches_slot("top/fc1/kernel", part, "kernel")
    assert matches_slot("*/kernel", part, "kernel")
    assert not matches_slot("*/kernel", part, "bias")
    assert not matches_slot(keras.layers.Dense, part, "kernel")


def test_wrong_patterns():
    with pytest.raises(TypeError, match=r"`skip` must be made of patterns .* Received: skip=1"):
        check_pattern("skip", 1)
