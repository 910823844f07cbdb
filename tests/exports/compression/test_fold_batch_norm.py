import keras
import numpy as np
import pytest
from keras import layers, ops

from occam import exports, zoo


def reasons(report):
    return {refusal.layer: refusal.reason for refusal in report.refused}


def kinds(model):
    return [type(layer).__name__ for layer in model.layers[1:]]


def functional(shape, *stack):
    return keras.Sequential([keras.Input(shape), *stack])


def norm(**arguments):
    return layers.BatchNormalization(name="norm", **arguments)


def test_by_hand(set_weights):
    model = functional((1,), layers.Dense(2, name="dense"), norm(epsilon=1.0))
    set_weights(model, "dense", kernel=[[1, 2]], bias=[3, 4])
    set_weights(
        model, "norm", gamma=[4, 6], beta=[1, 2], moving_mean=[5, 1], moving_variance=[3, 8]
    )
    folded, report = exports.fold_batch_norm(model)
    kernel, bias = folded.get_layer("dense").get_weights()
    assert kernel.tolist() == [[2, 4]]  # times 4 / sqrt(3 + 1) and 6 / sqrt(8 + 1)
    assert bias.tolist() == [(3 - 5) * 2 + 1, (4 - 1) * 2 + 2]
    assert kinds(folded) == ["Dense"]
    assert (report.parameters_before, report.parameters_after) == (12, 4)
    (change,) = report.changes
    assert (change.layer, change.what) == ("norm", "into dense (Dense)")
    assert (change.parameters_before, change.parameters_after) == (8, 0)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda: layers.Dense(4),
        lambda: layers.Conv2D(4, 3, padding="same", strides=2, use_bias=False),
        lambda: layers.Conv2D(4, 3, groups=2),
        lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", use_bias=False),
        lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2),
        lambda: layers.Conv2DTranspose(4, 3, strides=2),
    ],
    ids=["dense", "conv", "grouped", "depthwise", "separable", "transposed"],
)
@pytest.mark.parametrize("arguments", [{}, {"scale": False}, {"center": False}], ids=str)
def test_into_the_kernel_before(kernel, arguments, give_weights, same_answers):
    model = functional((6, 6, 2), kernel(), layers.Dropout(0.5), norm(**arguments), layers.ReLU())
    give_weights(model)
    folded, report = exports.fold_batch_norm(model)
    assert kinds(folded) == [type(model.layers[0]).__name__, "Dropout", "ReLU"]
    assert report.refused == ()
    same_answers(model, folded)


@pytest.mark.parametrize(
    "kernel",
    [
        lambda: [layers.Flatten(), layers.Dropout(0.1), layers.Dense(4)],
        lambda: [layers.GlobalAveragePooling2D(), layers.Dense(4, use_bias=False)],
        lambda: [layers.Conv2D(4, 3, activation="relu")],
        lambda: [layers.Conv2D(4, 1, padding="same", strides=2)],
        lambda: [layers.DepthwiseConv2D(3, depth_multiplier=2)],
        lambda: [layers.SeparableConv2D(4, 3, depth_multiplier=2)],
    ],
    ids=["flatten", "mean", "valid", "1x1", "depthwise", "separable"],
)
def test_into_the_kernel_after(kernel, give_weights, same_answers):
    model = functional((6, 6, 3), layers.ReLU(), norm(), *kernel())
    give_weights(model)
    folded, report = exports.fold_batch_norm(model)
    assert "BatchNormalization" not in kinds(folded)
    assert report.refused == ()
    same_answers(model, folded)


def test_padding_after_it_allows_no_shift(give_weights, set_weights, same_answers):
    model = functional((6, 6, 3), norm(), layers.Conv2D(4, 3, padding="same", name="conv"))
    give_weights(model)
    _, report = exports.fold_batch_norm(model)
    assert "conv (Conv2D) after it pads its input with zeros" in reasons(report)["norm"]
    set_weights(model, "norm", beta=[0, 0, 0], moving_mean=[0, 0, 0])
    folded, report = exports.fold_batch_norm(model)
    assert (kinds(folded), report.refused) == (["Conv2D"], ())
    same_answers(model, folded)


@pytest.mark.parametrize("variance", [0.0, 1e-8, 1e-4])
def test_small_variances(variance, give_weights, set_weights):
    model = functional((8,), layers.Dense(4, name="dense"), norm(epsilon=1e-7))
    give_weights(model)
    set_weights(model, "norm", moving_variance=[variance] * 4, moving_mean=[0.1, -0.1, 0, 1])
    folded, _ = exports.fold_batch_norm(model)
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
    dense, norm_ = model.layers
    kernel, bias = (w.astype("float64") for w in dense.get_weights())
    gamma, beta, mean, spread = (w.astype("float64") for w in norm_.get_weights())
    exact = (x.astype("float64") @ kernel + bias - mean) / np.sqrt(spread + 1e-7) * gamma + beta
    scale = np.abs(exact).max()
    np.testing.assert_allclose(folded(x), exact, rtol=0, atol=1e-6 * scale)
    np.testing.assert_allclose(folded(x), model(x), rtol=0, atol=1e-5 * scale)


def test_several_in_a_row_fold_into_one_kernel(give_weights, same_answers):
    stack = [layers.BatchNormalization() for _ in range(3)]
    model = functional((4,), layers.Dense(3), *stack)
    give_weights(model)
    folded, _ = exports.fold_batch_norm(model)
    assert kinds(folded) == ["Dense"]
    same_answers(model, folded)


def test_wrapper_that_acts_in_training_only_is_removed(give_weights, same_answers):
    conv = zoo.layers.DropConnect(layers.Conv1D(4, 3, padding="same"), 0.2, name="conv")
    model = functional((6, 3), conv, norm(), layers.ReLU())
    give_weights(model)
    folded, _ = exports.fold_batch_norm(model)
    assert kinds(folded) == ["Conv1D", "ReLU"]
    same_answers(model, folded)


def refused(case):
    inputs = keras.Input((6, 6, 4))
    conv = layers.Conv2D(4, 3, padding="same", name="conv")
    if case == "activation":
        x = norm()(layers.Conv2D(4, 3, activation="relu", name="conv")(inputs))
        return keras.Model(inputs, x)
    if case == "others read the convolution":
        x = conv(inputs)
        return keras.Model(inputs, norm()(x) + x)
    if case == "first":
        return keras.Model(inputs, layers.ReLU()(norm()(inputs)))
    if case == "shared convolution":
        return keras.Model(inputs, layers.ReLU()(norm()(conv(conv(inputs)))))
    if case == "shared norm":
        shared = norm()
        return keras.Model(inputs, shared(layers.ReLU()(shared(conv(inputs)))))
    if case == "another axis":
        return keras.Model(inputs, norm(axis=1)(conv(inputs)))
    x = layers.ReLU()(inputs)  # "grouped"
    return keras.Model(inputs, layers.Conv2D(4, 1, groups=2, name="conv")(norm()(x)))


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("activation", "conv (Conv2D) before it has an activation, and its output is read by"),
        ("others read the convolution", "conv (Conv2D) before it is read by other layers, too"),
        ("first", "comes after an input, and re_lu (ReLU) after it has no kernel"),
        ("shared convolution", "conv (Conv2D) before it is called 2 times, and"),
        ("shared norm", "is called 2 times"),
        ("another axis", "normalizes another axis than the last"),
        ("grouped", "re_lu (ReLU) before it has no kernel to fold into, and conv"),
    ],
)
def test_report_says_why_a_layer_was_not_folded(case, why, give_weights, same_answers):
    model = refused(case)
    give_weights(model)
    folded, report = exports.fold_batch_norm(model)
    assert report.changes == ()
    assert reasons(report)["norm"].startswith(why)
    assert f"kept: norm, {report.refused[0].count} of its units: {why}" in report.table()
    same_answers(model, folded, rtol=0)


def test_original_model_is_unchanged(give_weights):
    model = functional((4,), layers.Dense(3), norm())
    give_weights(model)
    before = [array.copy() for array in model.get_weights()]
    exports.fold_batch_norm(model)
    assert len(model.layers) == 2
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_inner_model_is_inlined(give_weights, same_answers):
    inner = functional((6, 3), layers.Conv1D(4, 3), norm(), layers.ReLU())
    inputs = keras.Input((6, 3))
    model = keras.Model(inputs, ops.mean(inner(inputs), axis=1))
    give_weights(model)
    folded, _ = exports.fold_batch_norm(model)
    assert kinds(folded) == ["Conv1D", "ReLU"]
    same_answers(model, folded)
