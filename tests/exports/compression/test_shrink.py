import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from occam import exports, zoo


def weights(model, name):
    return {w.name: as_array(w) for w in model.get_layer(name).weights}


def as_array(weight) -> np.ndarray:
    return np.array(ops.convert_to_numpy(weight))


def kill(model, name, units, bias=0.0):
    """Zero the weights into units and set their bias."""
    layer = model.get_layer(name)
    for weight in layer.weights:
        array = as_array(weight)
        if weight.name.endswith("kernel"):
            array[..., units] = 0
        if weight.name == "bias":
            array[units] = bias
        weight.assign(array)


def reasons(report):
    return {refusal.layer: refusal.reason for refusal in report.refused}


def dense_pair(activation="relu"):
    inputs = keras.Input((2,))
    x = layers.Dense(3, activation=activation, name="first")(inputs)
    return keras.Model(inputs, layers.Dense(2, name="second")(x))


def test_constant_moves_into_the_next_bias(set_weights):
    model = dense_pair()
    set_weights(model, "first", kernel=[[1, 0, 2], [3, 0, 4]], bias=[5, 6, 7])
    set_weights(model, "second", kernel=[[1, 2], [3, 4], [5, 6]], bias=[0.5, -0.5])
    smaller, report = exports.shrink(model)
    assert weights(smaller, "first")["kernel"].tolist() == [[1, 2], [3, 4]]
    assert weights(smaller, "first")["bias"].tolist() == [5, 7]
    assert weights(smaller, "second")["kernel"].tolist() == [[1, 2], [5, 6]]
    assert weights(smaller, "second")["bias"].tolist() == [18.5, 23.5]  # + relu(6) * [3, 4]
    assert (report.parameters_before, report.parameters_after) == (17, 12)
    assert (report.bytes_before, report.bytes_after) == (68, 48)
    assert report.refused == ()
    assert report.table() == (
        "layer           what                     parameters  now\n"
        "first           3 -> 2 units                      9    6\n"
        "second          constants into its bias           8    6\n"
        "all parameters                                   17   12\n"
        "all bytes                                        68   48"
    )
    assert report.to_dict()["changes"][0]["what"] == "3 -> 2 units"


def test_missing_bias_is_created(set_weights):
    inputs = keras.Input((1,))
    x = layers.Dense(2, name="first")(inputs)
    model = keras.Model(inputs, layers.Dense(1, use_bias=False, name="second")(x))
    set_weights(model, "first", kernel=[[0, 1]], bias=[2, 0])
    set_weights(model, "second", kernel=[[3], [1]])
    smaller, _ = exports.shrink(model)
    assert weights(smaller, "second")["bias"].tolist() == [6]


def test_unread_units_are_removed_layer_by_layer(set_weights, same_answers):
    model = keras.Sequential([keras.Input((2,))] + [layers.Dense(4, "relu") for _ in range(3)])
    first, second, third = (layer.name for layer in model.layers)
    kernel = np.ones((4, 4))
    kernel[2:] = 0
    set_weights(model, third, kernel=kernel)
    only_dead_ones_read_it = np.ones((4, 4))
    only_dead_ones_read_it[3, :2] = 0
    set_weights(model, second, kernel=only_dead_ones_read_it)
    smaller, _ = exports.shrink(model)
    assert [smaller.get_layer(n).units for n in (first, second, third)] == [3, 2, 4]
    same_answers(model, smaller)


def test_nothing_to_remove_changes_no_bit(give_weights):
    model = dense_pair()
    give_weights(model)
    smaller, report = exports.shrink(model)
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_array_equal(model(x), smaller(x))
    assert report.changes == report.refused == ()


def test_removed_zero_channels_change_rounding_only(give_weights):
    model = dense_pair()
    give_weights(model)
    kill(model, "first", [0, 1])  # relu(0) is 0: nothing is moved
    smaller, _ = exports.shrink(model)
    x = np.random.default_rng(0).normal(size=(5, 2))
    np.testing.assert_allclose(model(x), smaller(x), rtol=1e-5, atol=1e-6)
    assert smaller.get_layer("first").units == 1


def test_dead_layer_keeps_one_unit(give_weights, same_answers):
    model = dense_pair("sigmoid")
    give_weights(model)
    kill(model, "first", [0, 1, 2], bias=0.3)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").units == 1
    assert "last one" in reasons(report)["first"]
    same_answers(model, smaller)


def test_original_model_is_unchanged(give_weights):
    model = dense_pair()
    give_weights(model, dead=0.5)
    before = [array.copy() for array in model.get_weights()]
    nodes = [len(layer._inbound_nodes) for layer in model.layers]
    smaller, _ = exports.shrink(model)
    assert [len(layer._inbound_nodes) for layer in model.layers] == nodes
    assert not {id(w) for w in model.weights} & {id(w) for w in smaller.weights}
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_smaller_model_can_be_saved_and_loaded(tmp_path, give_weights, same_answers):
    model = dense_pair()
    give_weights(model, dead=0.5)
    smaller, _ = exports.shrink(model)
    smaller.save(tmp_path / "smaller.keras")
    same_answers(smaller, keras.saving.load_model(tmp_path / "smaller.keras"), rtol=0)


def test_weights_up_to_the_threshold_count_as_zero(set_weights):
    model = dense_pair()
    set_weights(model, "first", kernel=[[1, 0.01, 1], [1, -0.02, 1]], bias=[0, 2, 0])
    set_weights(model, "second", kernel=[[1, 1], [1, 1], [0.01, 0.02]])
    assert exports.shrink(model)[0].get_layer("first").units == 3
    smaller, _ = exports.shrink(model, threshold=0.02)
    assert smaller.get_layer("first").units == 1
    assert weights(smaller, "second")["bias"].tolist() == [2, 2]


# Convolutions


def conv_pair(second, norm=False, shape=(6, 6, 2)):
    inputs = keras.Input(shape)
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    x = layers.BatchNormalization(name="norm")(x) if norm else x
    x = layers.ReLU()(x)
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(second(x)))


@pytest.mark.parametrize(
    "second",
    [
        layers.Conv2D(3, 3, name="second"),
        layers.Conv2D(3, 1, padding="same", strides=2, use_bias=False, name="second"),
        layers.Conv2D(3, 2, dilation_rate=2, name="second"),
        layers.SeparableConv2D(3, 3, depth_multiplier=2, name="second"),
    ],
    ids=["valid", "1x1", "dilated", "separable"],
)
def test_constant_passes_a_convolution_without_padding(second, give_weights, same_answers):
    model = conv_pair(type(second).from_config(second.get_config()))
    give_weights(model)
    kill(model, "first", [1, 2], bias=1.5)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    assert report.refused == ()
    same_answers(model, smaller)


@pytest.mark.parametrize(
    "second",
    [
        layers.Conv2D(3, 3, padding="same", name="second"),
        layers.SeparableConv2D(3, 3, padding="same", name="second"),
        layers.Conv2DTranspose(3, 3, strides=2, name="second"),
    ],
    ids=["same", "separable", "transposed"],
)
def test_only_zero_passes_a_convolution_with_padding(second, give_weights, same_answers):
    model = conv_pair(type(second).from_config(second.get_config()))
    give_weights(model)
    kill(model, "first", [1], bias=1.5)
    kill(model, "first", [2], bias=-1.5)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").filters == 3
    assert reasons(report)["first"] == (
        f"is a nonzero constant, but second ({type(second).__name__}) pads its input with zeros"
    )
    same_answers(model, smaller)


def test_padding_by_a_layer_counts_as_well(give_weights, same_answers):
    inputs = keras.Input((5, 2))
    x = layers.ZeroPadding1D(1)(layers.Conv1D(4, 1, name="first")(inputs))
    model = keras.Model(inputs, layers.Conv1D(3, 3)(x))
    give_weights(model)
    kill(model, "first", [0], bias=1)
    kill(model, "first", [1, 2], bias=0)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    assert "is not constant where" in reasons(report)["first"]
    same_answers(model, smaller)


def test_batch_normalization_changes_a_constant(set_weights, give_weights, same_answers):
    model = conv_pair(layers.Conv2D(3, 3), norm=True)
    give_weights(model)
    kill(model, "first", [0], bias=1)
    set_weights(model, "norm", gamma=[1, 0, 1, 1], beta=[1, 2, 1, 1])
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    assert smaller.get_layer("norm").gamma.shape == (2,)
    assert [c.layer for c in report.changes][:2] == ["first", "norm"]
    same_answers(model, smaller)


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_convolution_is_removed_with_its_channel(multiplier, give_weights, same_answers):
    depthwise = layers.DepthwiseConv2D(3, depth_multiplier=multiplier, padding="same", name="deep")
    inputs = keras.Input((6, 6, 2))
    x = depthwise(layers.Conv2D(4, 3, name="first")(inputs))
    model = keras.Model(inputs, layers.Conv2D(3, 1, name="last")(layers.ReLU()(x)))
    give_weights(model)
    kill(model, "first", [1])
    kernel = weights(model, "deep")["kernel"]
    kernel[:, :, 3] = 0
    model.get_layer("deep").kernel.assign(kernel)
    smaller, _ = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    assert smaller.get_layer("deep").kernel.shape == (3, 3, 2, multiplier)
    same_answers(model, smaller)


def test_transposed_convolution_loses_units(give_weights, same_answers):
    inputs = keras.Input((4, 2))
    x = layers.Conv1DTranspose(4, 3, strides=2, name="first")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(layers.ReLU()(x)))
    give_weights(model)
    kernel = weights(model, "first")["kernel"]
    kernel[:, 1:3] = 0
    model.get_layer("first").kernel.assign(kernel)
    smaller, _ = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    same_answers(model, smaller)


# Ties


def residual(give_weights):
    inputs = keras.Input((6, 3))
    x = layers.Conv1D(4, 1, name="stem")(inputs)
    branch = layers.Conv1D(4, 3, padding="same", name="branch")(x)
    total = layers.ReLU()(layers.Add(name="sum")([x, branch]))
    total = layers.GlobalMaxPooling1D()(total)
    model = keras.Model(inputs, layers.Dense(2, name="last")(total))
    give_weights(model)
    return model


def test_channel_of_a_sum_stays_if_one_branch_needs_it(give_weights, same_answers):
    model = residual(give_weights)
    kill(model, "branch", [0, 1], bias=1)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("branch").filters == 4
    assert reasons(report)["branch"].startswith("is not constant where")
    same_answers(model, smaller)


def test_channel_of_a_sum_is_removed_if_no_branch_needs_it(give_weights, same_answers):
    model = residual(give_weights)
    kill(model, "stem", [0, 1])
    kill(model, "branch", [0, 1], bias=2)
    smaller, report = exports.shrink(model)
    assert [smaller.get_layer(n).filters for n in ("stem", "branch")] == [2, 2]
    assert weights(smaller, "branch")["kernel"].shape == (3, 2, 2)
    assert report.refused == ()
    same_answers(model, smaller)


def test_concatenation_loses_the_channels_of_its_parts(set_weights):
    inputs = keras.Input((1,))
    parts = [layers.Dense(2, name=name)(inputs) for name in ("left", "right")]
    x = layers.Concatenate()(parts)
    model = keras.Model(inputs, layers.Dense(1, name="last")(x))
    set_weights(model, "left", kernel=[[0, 1]], bias=[1, 0])
    set_weights(model, "right", kernel=[[2, 0]], bias=[0, 10])
    set_weights(model, "last", kernel=[[1], [2], [3], [4]], bias=[0])
    smaller, _ = exports.shrink(model)
    assert weights(smaller, "last")["kernel"].ravel().tolist() == [2, 3]
    assert weights(smaller, "last")["bias"].tolist() == [41]


def test_flattened_channel_is_removed_at_all_its_places(set_weights):
    inputs = keras.Input((3, 1))
    x = layers.Flatten()(layers.Conv1D(2, 1, name="first")(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="last")(x))
    set_weights(model, "first", kernel=[[[0, 1]]], bias=[2, 0])
    set_weights(model, "last", kernel=np.arange(6)[:, None], bias=[0])
    smaller, _ = exports.shrink(model)
    assert weights(smaller, "last")["kernel"].ravel().tolist() == [1, 3, 5]
    assert weights(smaller, "last")["bias"].tolist() == [2 * (0 + 2 + 4)]


def test_product_with_zero_is_removed(give_weights, same_answers):
    inputs = keras.Input((4, 4, 3))
    x = layers.Conv2D(4, 1, name="first")(inputs)
    gate = layers.Dense(4, "sigmoid", name="gate")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 4))(gate)])
    model = keras.Model(inputs, layers.Conv2D(2, 3, padding="same")(x))
    give_weights(model)
    kill(model, "first", [0, 3])
    smaller, _ = exports.shrink(model)
    assert smaller.get_layer("first").filters == smaller.get_layer("gate").units == 2
    same_answers(model, smaller)


def test_operations_without_layers(give_weights, same_answers):
    inputs = keras.Input((8, 8, 3))
    x = ops.relu(layers.Conv2D(4, 3, padding="same", name="first")(inputs))
    y = ops.pad(x[:, ::2, ::2, :] * 2.0, ((0, 0), (0, 0), (0, 0), (1, 3)))
    x = y + layers.Conv2D(8, 3, strides=2, padding="same", name="second")(x)
    x = ops.reshape(ops.concatenate([x, -x], axis=-1), (-1, 16, 16))
    model = keras.Model(inputs, layers.Dense(2)(ops.mean(x, axis=1)))
    give_weights(model)
    kill(model, "first", [1, 2])
    kill(model, "second", [0, 2, 3, 6])
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").filters == 2
    assert smaller.get_layer("second").filters == 4
    assert report.refused == ()
    same_answers(model, smaller)


# Channels that stay


def test_outputs_and_units_with_another_reader_stay(give_weights, same_answers):
    inputs = keras.Input((3,))
    x = layers.Dense(5, "relu", name="first")(inputs)
    other = layers.Dense(2, name="other")(x)
    model = keras.Model(inputs, {"x": layers.Dense(3, name="head")(x), "y": other})
    give_weights(model)
    kill(model, "first", [0], bias=1)
    kill(model, "head", [0, 1], bias=1)
    kernel = weights(model, "head")["kernel"]
    kernel[4] = 0  # the other head still reads it
    model.get_layer("head").kernel.assign(kernel)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").units == 4
    assert smaller.get_layer("head").units == 3
    assert reasons(report) == {"head": "is an output of the model"}
    assert set(smaller.output) == {"x", "y"}
    same_answers(model, smaller)


@pytest.mark.parametrize(
    ("reader", "why"),
    [
        (layers.LayerNormalization, r"read by reader \(LayerNormalization\), which is not known"),
        (lambda name: layers.LSTM(3, name=name), r"read by reader \(LSTM\), which is not known"),
        (lambda name: layers.Softmax(name=name), r"read by reader \(Softmax\), which is not known"),
        (
            lambda name: layers.Conv1D(4, 1, groups=2, name=name),
            r"read by reader \(Conv1D\), which is a grouped convolution",
        ),
        (
            lambda name: layers.Lambda(lambda x: x, name=name),
            r"read by reader \(Lambda\), which is not known to keep its channels apart",
        ),
    ],
)
def test_channels_stay_before_layers_that_mix_them(reader, why, give_weights, same_answers):
    inputs = keras.Input((5, 3))
    x = layers.Dense(4, name="first")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(reader(name="reader")(x)))
    give_weights(model)
    kill(model, "first", [1], bias=1)
    smaller, report = exports.shrink(model)
    assert smaller.get_layer("first").units == 4
    (refusal,) = [r for r in report.refused if r.layer == "first"]
    assert refusal.count == 1
    assert re.search(why, refusal.reason)
    assert f"kept: first, 1 of its units: {refusal.reason}" in report.table()
    same_answers(model, smaller)


def test_attention_keeps_its_channels(give_weights, same_answers):
    inputs = keras.Input((5, 4))
    x = layers.Dense(4, name="first")(inputs)
    x = layers.MultiHeadAttention(2, 2, name="attention")(x, x)
    model = keras.Model(inputs, layers.Dense(2)(x))
    give_weights(model)
    kill(model, "first", [1])
    smaller, report = exports.shrink(model)
    assert "attention (MultiHeadAttention)" in reasons(report)["first"]
    same_answers(model, smaller)


def test_softmax_in_the_middle_keeps_its_units(give_weights, same_answers):
    model = dense_pair("softmax")
    give_weights(model)
    kill(model, "first", [1])
    smaller, report = exports.shrink(model)
    assert reasons(report)["first"] == "goes into the activation of first (Dense)"
    same_answers(model, smaller)


def test_layer_that_is_called_twice_keeps_its_units(give_weights, same_answers):
    inputs = keras.Input((4,))
    shared = layers.Dense(4, "relu", name="shared")
    model = keras.Model(inputs, layers.Dense(2)(shared(shared(inputs))))
    give_weights(model)
    kill(model, "shared", [1])
    smaller, _ = exports.shrink(model)
    assert len([layer for layer in smaller.layers if layer.name == "shared"]) == 1
    assert smaller.count_params() == model.count_params()
    same_answers(model, smaller)


def test_report_names_a_shared_reader(give_weights):
    inputs = keras.Input((4,))
    shared = layers.Dense(4, "relu", name="shared")
    x = layers.Dense(4, name="first")(inputs)
    model = keras.Model(inputs, shared(shared(x)))
    give_weights(model)
    kill(model, "first", [1])
    assert "shared (Dense), which is called 2 times" in reasons(exports.shrink(model)[1])["first"]


# Inner models, wrappers, layers that act in training only


def test_inner_models_are_inlined(give_weights, same_answers):
    block = keras.Sequential(
        [keras.Input((4,)), layers.Dense(5, "relu", name="dense")], name="block"
    )
    inner_inputs = [keras.Input((4,), name="a"), keras.Input((4,), name="b")]
    inner = keras.Model(inner_inputs, layers.Add()(inner_inputs), name="inner")
    inputs = keras.Input((3,))
    x = layers.Dense(4, name="dense")(inputs)
    x = inner([x, layers.Dense(4, name="other")(inputs)])
    model = keras.Model(inputs, layers.Dense(2, name="last")(block(x)), name="whole")
    give_weights(model)
    kill(block, "dense", [0, 1], bias=1)
    for name in ("dense", "other"):
        kill(model, name, [2], bias=1)
    smaller, report = exports.shrink(model)
    assert smaller.name == "whole"
    assert [c.layer for c in report.changes] == ["dense", "other", "block/dense", "last"]
    assert smaller.get_layer("dense").units == 3
    assert smaller.get_layer("block_dense").units == 3
    same_answers(model, smaller)


def test_inner_model_that_is_called_twice_keeps_its_units(give_weights, same_answers):
    tower = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, name="inside"), layers.ReLU()], name="tower"
    )
    inputs = [keras.Input((3,), name="a"), keras.Input((3,), name="b")]
    x = layers.Concatenate()([tower(one) for one in inputs])
    model = keras.Model(inputs, layers.Dense(2)(layers.Dense(5, name="own")(x)))
    give_weights(model)
    kill(tower, "inside", [1])
    kill(model, "own", [1], bias=1)
    smaller, _ = exports.shrink(model)
    assert smaller.get_layer("inside").units == 4
    assert smaller.get_layer("own").units == 4
    same_answers(model, smaller)


def test_layers_that_act_in_training_only_stay(give_weights, same_answers):
    inputs = keras.Input((6, 3))
    x = zoo.layers.GaussianNoise(0.1)(inputs)
    x = zoo.layers.DropConnect(layers.Conv1D(4, 3, padding="same"), 0.1, name="first")(x)
    x = layers.GaussianDropout(0.2)(layers.SpatialDropout1D(0.2)(x))
    branch = layers.Conv1D(4, 3, padding="same", name="second")(x)
    x = zoo.layers.StochasticDepth(0.3, name="depth")([x, branch])
    x = layers.GlobalAveragePooling1D()(zoo.layers.Dropout(0.25, name="drop")(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    give_weights(model)
    for layer in (model.get_layer("first").layer, model.get_layer("second")):
        kernel = as_array(layer.kernel)
        kernel[..., 1] = 0
        layer.kernel.assign(kernel)
        layer.bias.assign([0, 0, 0, 0])
    smaller, _ = exports.shrink(model)
    assert type(smaller.get_layer("first")) is layers.Conv1D
    assert smaller.get_layer("first").filters == smaller.get_layer("second").filters == 3
    assert smaller.get_layer("drop").rate == pytest.approx(0.25)
    same_answers(model, smaller)


@keras.saving.register_keras_serializable("tests")
class Clipped(layers.Layer):
    """A layer that is the identity only near 0."""

    def call(self, inputs, training=False):
        return ops.clip(inputs, -1000, 1000)


def test_clipping_layer_counts_as_unknown(give_weights):
    inputs = keras.Input((3,))
    x = Clipped(name="clipped")(layers.Dense(4, name="first")(inputs))
    model = keras.Model(inputs, layers.Dense(2)(x))
    give_weights(model)
    kill(model, "first", [1])
    assert "clipped (Clipped)" in reasons(exports.shrink(model)[1])["first"]


class Forgetful(layers.Layer):
    def __init__(self, factor):
        super().__init__(name="forgetful")
        self.factor = factor

    def call(self, inputs):
        return inputs * self.factor

    def get_config(self):
        return {"name": self.name}


def test_layer_that_cannot_be_rebuilt_is_named():
    inputs = keras.Input((3,))
    model = keras.Model(inputs, Forgetful(2)(inputs))
    with pytest.raises(ValueError, match=r"Layer 'forgetful' \(Forgetful\) cannot be rebuilt"):
        exports.shrink(model)


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize("model", [Subclassed(), keras.Sequential([layers.Dense(2)])])
def test_model_without_a_graph_is_refused(model):
    message = r"must be a functional model, or a .* Received: model=<(Subc|Sequential)"
    with pytest.raises(ValueError, match=message):
        exports.shrink(model)


@pytest.mark.parametrize("threshold", [-0.1, float("nan")])
def test_the_threshold_is_checked(threshold):
    with pytest.raises(ValueError, match=rf"number in \[0, inf\). Received: threshold={threshold}"):
        exports.shrink(dense_pair(), threshold)


def test_mixed_precision(give_weights, same_answers):
    inputs = keras.Input((4,))
    x = layers.Dense(6, "relu", dtype="mixed_bfloat16", name="first")(inputs)
    model = keras.Model(inputs, layers.Dense(2, dtype="mixed_bfloat16")(x))
    give_weights(model)
    kill(model, "first", [1, 2, 3], bias=1)
    smaller, _ = exports.shrink(model)
    assert smaller.get_layer("first").units == 3
    same_answers(model, smaller, rtol=0.02)
