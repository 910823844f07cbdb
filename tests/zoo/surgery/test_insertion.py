"""The places of new layers, and the layers they replace."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo import layers as ours
from occam.zoo.augmentation import FeatureNoise, Pipeline

R = zoo.Regularization


def inserted(report):
    """The place of each new layer, by its path."""
    return {change.layer: change.what for change in report.applied if change.kind == "layer"}


def test_all_kinds_with_dropout_compute_the_same(model, check):
    if not hasattr(model, "inputs"):
        with pytest.raises(ValueError, match=r"dropout changes nothing"):
            zoo.regularize(model, R(dropout=0.5))
        return
    regularized, _ = zoo.regularize(model, R(dropout=0.5))
    check.assert_copy(model, regularized)
    x = check.example(model)
    trained = check.values(keras.tree.flatten(regularized(x, training=True)))
    pairs = zip(trained, check.outputs(regularized, x), strict=True)
    assert not any(np.array_equal(one, other) for one, other in pairs)


def test_dropout_before_each_head(models):
    _, report = zoo.regularize(models.several(), R(dropout=0.5))
    assert inserted(report) == {
        "label_dropout": "before label",
        "value_dropout": "before value",
    }


def test_dropout_before_a_head_in_an_inner_model(models, check):
    model = models.nested()
    regularized, report = zoo.regularize(model, R(dropout=0.5))
    assert inserted(report) == {"head/logits_dropout": "before logits"}
    names = [layer.name for layer in regularized.get_layer("head").layers]
    assert names == ["fc", "logits_dropout", "logits"]
    check.assert_copy(model, regularized)


def test_dropout_after_the_pooling_at_the_end(check):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D(name="pool")(x))
    once, report = zoo.regularize(model, R(dropout=0.5))
    assert inserted(report) == {"pool_dropout": "after pool"}
    twice, report = zoo.regularize(once, R(dropout=0.2))
    assert inserted(report) == {"pool_dropout": "instead of one of 0.5"}
    assert twice.get_layer("pool_dropout").rate == 0.2
    check.assert_copy(model, twice)


@pytest.mark.parametrize(
    "scale", [layers.Rescaling(10.0, 100.0), layers.Normalization(mean=3, variance=4, invert=True)]
)
def test_dropout_before_a_head_whose_values_are_scaled(scale):
    hidden = keras.Sequential([keras.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1), scale])
    model, _ = zoo.regularize(hidden, zoo.Regularization(dropout=0.5))
    assert [type(layer).__name__ for layer in model.layers][:3] == ["Dense", "Dropout", "Dense"]


def test_no_head():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Concatenate(name="both")([inputs, layers.Dense(2)(inputs)]))
    with pytest.raises(
        ValueError, match=r"dropout changes nothing.*both: dropout: the output comes"
    ):
        zoo.regularize(model, R(dropout=0.5))


def test_dropout_of_keras_before_the_head_is_replaced():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dropout(0.3, name="drop"), layers.Dense(2, name="logits")]
    )
    regularized, report = zoo.regularize(model, R(dropout=0.5))
    assert [type(layer) for layer in regularized.layers] == [ours.Dropout, layers.Dense]
    assert regularized.get_layer("drop").rate == 0.5
    assert inserted(report) == {"drop": "instead of one of 0.3"}


def test_after_convolutions(models, check):
    model = models.convolutional()
    regularized, report = zoo.regularize(model, R(spatial_dropout=0.1, drop_block=0.2))
    assert inserted(report) == {
        f"{name}_{word}": f"after {name}"
        for name in ("stem_relu", "separable", "up")
        for word in ("spatial_dropout", "drop_block")
    }
    assert regularized.get_layer("up_drop_block").block_size == 4
    assert regularized.get_layer("separable_drop_block").block_size == 2
    check.assert_copy(model, regularized)


def test_spatial_dropout_of_keras_is_replaced():
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(x)
    x = layers.SpatialDropout2D(0.3, name="there")(x)
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    regularized, report = zoo.regularize(model, R(spatial_dropout=0.1))
    assert inserted(report) == {"there": "instead of one of 0.3"}
    assert isinstance(regularized.get_layer("there"), ours.SpatialDropout)


def test_gates_of_channels_are_no_feature_maps():
    x = inputs = keras.Input((8, 8, 3))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(3, 1, activation="sigmoid", name="gate")(gate)
    x = layers.Conv2D(3, 3, activation="relu", name="conv")(layers.Multiply()([x, gate]))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    _regularized, report = zoo.regularize(model, R(spatial_dropout=0.1))
    assert inserted(report) == {"conv_spatial_dropout": "after conv"}


def test_stochastic_depth(models, check):
    model = models.convolutional()
    regularized, report = zoo.regularize(model, R(stochastic_depth=0.3))
    assert inserted(report) == {"sum": "instead of a sum"}
    layer = regularized.get_layer("sum")
    assert (type(layer), layer.rate) == (ours.StochasticDepth, 0.3)
    branch, shortcut = regularized.get_layer("depthwise").output, regularized.get_layer("stem_relu")
    assert layer.input[0] is shortcut.output
    assert layer.input[1] is branch
    check.assert_copy(model, regularized)


def test_what_drops_a_branch_already_is_replaced(check):
    x = inputs = keras.Input((4,), name="x")
    for block in range(3):
        branch = layers.Dense(4, name=f"dense{block}")(x)
        if block > 0:
            branch = layers.Dropout(0.1, noise_shape=(None, 1), name=f"drop{block}")(branch)
        x = layers.Add(name=f"add{block}")([x, branch])
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    once, report = zoo.regularize(model, R(stochastic_depth=0.4))
    assert inserted(report) == {
        "add0": "instead of a sum",
        "drop1": "instead of one of 0.1",
        "drop2": "instead of one of 0.1",
    }
    assert [layer.name for layer in once.layers] == [layer.name for layer in model.layers]
    assert [once.get_layer(name).rate for name in ("add0", "drop1", "drop2")] == [0.0, 0.2, 0.4]
    check.assert_copy(model, once)
    dropped = np.asarray(once.get_layer("drop2")(np.ones((200, 4), "float32"), training=True))
    assert set(map(len, map(set, dropped.tolist()))) == {1}  # whole samples
    twice, report = zoo.regularize(once, R(stochastic_depth=0.2))
    assert inserted(report)["drop2"] == "instead of one of 0.4"
    assert [twice.get_layer(name).rate for name in ("add0", "drop1", "drop2")] == [0.0, 0.1, 0.2]


def test_operators_and_one_add_for_all_sums(check):
    x = inputs = keras.Input((4,), name="x")
    add = layers.Add(name="sum")
    x = add([layers.Dense(4, name="one")(x), x])
    x = add([x, layers.Dense(4, name="other")(x)])
    x = x + layers.Dense(4, name="third")(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    regularized, _report = zoo.regularize(model, R(stochastic_depth=0.4))
    gates = [la for la in regularized.layers if isinstance(la, ours.StochasticDepth)]
    assert [gate.rate for gate in gates] == [0.0, 0.2, 0.4]
    assert len({gate.name for gate in gates}) == 3
    check.assert_copy(model, regularized)
    check.assert_copy(model, zoo.strip(regularized))


def test_a_residual_branch_gets_the_rate(check):
    inputs = keras.Input((4,), name="x")
    x = ours.ResidualBranch([layers.Dense(4)], 0.1, name="block")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(x))
    regularized, _ = zoo.regularize(model, R(stochastic_depth=0.4, l2=0.1))
    assert regularized.get_layer("block").rate == 0.4
    assert len(regularized.losses) == 2


def test_drop_connect(models, check):
    model = models.convolutional()
    regularization = R(drop_connect=0.2, l2=0.1, activity_l1=0.1, max_norm=1.0)
    regularized, report = zoo.regularize(model, regularization)
    assert inserted(report) == {"stem": "around stem"}
    wrapper = regularized.get_layer("stem")
    assert (type(wrapper), type(wrapper.layer)) == (ours.DropConnect, layers.Conv2D)
    assert wrapper.layer.kernel.regularizer.l2 == 0.1
    assert wrapper.layer.kernel.constraint.max_value == 1.0
    check.assert_copy(model, regularized)
    again, report = zoo.regularize(regularized, R(drop_connect=0.3))
    assert inserted(report) == {"stem": "instead of rate 0.2"}
    assert again.get_layer("stem").rate == 0.3


def test_drop_connect_takes_over_the_penalty_on_activations(check):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(2, name="logits")]
    )
    regularized, _ = zoo.regularize(model, R(drop_connect=0.2, activity_l2=0.1))
    wrapper = regularized.get_layer("hidden")
    assert wrapper.activity_regularizer.l2 == 0.1
    assert wrapper.layer.activity_regularizer is None
    check.assert_copy(model, regularized, np.ones((2, 3), "float32"))


def test_noise_and_augmentation_at_the_inputs(models, check):
    model = models.sequential()
    regularized, _ = zoo.regularize(model, R(noise=0.1, augmentation="light"))
    assert [layer.name for layer in regularized.layers] == [
        *("x_augmentation", "x_noise", "hidden", "logits")
    ]
    front = regularized.layers[0]
    assert isinstance(front, Pipeline)
    assert isinstance(front.layers[0], FeatureNoise)
    check.assert_copy(model, regularized)
    again, _report = zoo.regularize(regularized, R(noise=0.2, augmentation="strong"))
    assert [layer.name for layer in again.layers] == [layer.name for layer in regularized.layers]
    assert again.get_layer("x_noise").stddev == 0.2


def test_inputs_that_are_no_numbers_are_refused_by_name(models):
    _, report = zoo.regularize(
        models.several(), R(noise=0.1, augmentation="light"), value_range=(0, 1)
    )
    assert [str(change) for change in report.refused] == [
        "t: augmentation: it holds int32",
        "t: noise: it holds int32",
    ]


def test_images_need_a_range(models):
    with pytest.raises(ValueError, match=r"`value_range` must be .*Received: value_range=None"):
        zoo.regularize(models.convolutional(), R(augmentation="light"))


def test_activations(models):
    _, report = zoo.regularize(models.convolutional(), R(activity_l1=0.1))
    places = [change.layer for change in report.applied]
    assert places == ["stem_relu", "separable", "up"]  # and not the softmax of the head


def test_activations_of_wrapped_and_recurrent_layers(models):
    _, report = zoo.regularize(models.recurrent(), R(activity_l2=0.1))
    assert [change.layer for change in report.applied] == ["both", "each"]


def test_activations_that_are_no_layers_are_refused_by_name(models, check):
    x = inputs = keras.Input((4,))
    x = layers.Dense(3, activation="relu", name="hidden")(x)
    x = keras.ops.relu(layers.Dense(3, name="other")(x))
    model = keras.Model(inputs, layers.Dense(2)(x))
    _, report = zoo.regularize(model, R(activity_l2=0.1))
    assert [change.layer for change in report.applied] == ["hidden"]
    (refused,) = report.refused
    assert refused.why == "it is an operation, not a layer: use keras.layers.Activation"


def test_names_that_are_taken(check):
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="logits_dropout"), layers.Dense(2, name="logits")]
    )
    regularized, _ = zoo.regularize(model, R(dropout=0.1))
    names = [layer.name for layer in regularized.layers]
    assert names == ["logits_dropout", "logits_dropout_1", "logits"]


def test_masks_go_through(models, check):
    model = models.recurrent()
    rules = {"embedding": {"dropout": 0.2, "noise": 0.1}, "both": {"spatial_dropout": 0.1}}
    regularized, _ = zoo.regularize(model, rules=rules)
    tokens = np.array([[1, 2, 3, 0, 0, 0, 0], [4, 5, 6, 7, 8, 1, 0]], "int32")
    check.assert_copy(model, regularized, tokens)
    x, mask = regularized.get_layer("both").input
    assert x is regularized.get_layer("embedding_noise").output
    assert (mask.dtype, mask.shape) == ("bool", (None, 7))


def test_it_all_survives_save_and_load(models, check, tmp_path):
    everything = R(
        dropout=0.3, spatial_dropout=0.1, drop_block=0.1, stochastic_depth=0.2, noise=0.1, l2=0.1
    )
    model, _ = zoo.regularize(models.convolutional(), everything.replace(drop_connect=0.1))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    check.assert_same(check.values(loaded.weights), check.values(model.weights))
    x = check.example(model)
    check.assert_same(check.outputs(loaded, x), check.outputs(model, x))
    assert check.total(loaded) == pytest.approx(check.total(model), rel=1e-6)


@pytest.mark.parametrize("name", ["mlp", "resnet1d"])
def test_a_step_of_training_with_all_of_it(name, check):
    options = {"input_shape": (40, 1), "num_classes": 4, "seed": 0}
    model = zoo.create_model(name, **options)
    fields = R.fields()
    supported = zoo.models.get_architecture(name).supports
    regularization = R(**{field: fields[field].middle for field in supported})
    regularized, report = zoo.regularize(model, regularization, seed=0)
    assert report.refused == ()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    regularized.compile("adam", loss)
    x = np.random.default_rng(0).normal(size=(8, 40, 1)).astype("float32")
    assert np.isfinite(regularized.train_on_batch(x, np.arange(8) % 4))


def convolutional(data_format):
    shape = (2, 8, 8) if data_format == "channels_first" else (8, 8, 2)
    axis = 1 if data_format == "channels_first" else -1
    stack = [
        keras.Input(shape),
        layers.Conv2D(3, 3, data_format=data_format, name="conv"),
        layers.BatchNormalization(axis=axis, name="norm"),
        layers.Activation("relu", name="relu"),
        layers.Flatten(data_format=data_format),
        layers.Dense(2),
    ]
    return keras.Sequential(stack)


@pytest.mark.parametrize("word", ["spatial_dropout", "drop_block"])
@pytest.mark.parametrize("rule", ["conv", "norm", "relu"])
def test_channels_first_is_refused_after_any_layer(rule, word):
    with pytest.raises(ValueError, match="its channels come first"):
        zoo.regularize(convolutional("channels_first"), rules={rule: {word: 0.1}})


def test_an_inserted_layer_keeps_the_data_format_of_the_model():
    model = convolutional("channels_last")
    keras.config.set_image_data_format("channels_first")
    try:
        made, _ = zoo.regularize(model, zoo.Regularization(spatial_dropout=0.1))
    finally:
        keras.config.set_image_data_format("channels_last")
    dropout = next(x for x in made.layers if isinstance(x, zoo.layers.SpatialDropout))
    assert dropout.data_format == "channels_last"
