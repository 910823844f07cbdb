"""`regularize` on every kind of model."""

import keras
import numpy as np
import pytest
from keras import layers

from occam import zoo
from occam.zoo.layers import Dropout
from occam.zoo.regularizers import L2

STRENGTH = 1e-2


@pytest.fixture
def l2():
    return zoo.Regularization(l2=STRENGTH)


def test_weights_outputs_names_and_frozen_layers_are_the_same(model, l2, check):
    x = check.example(model)
    before = check.values(model.weights), check.outputs(model, x), model.get_config()
    regularized, _ = zoo.regularize(model, l2)
    check.assert_copy(model, regularized, x)
    check.assert_same(check.values(model.weights), before[0])
    check.assert_same(check.outputs(model, x), before[1])
    assert str(model.get_config()) == str(before[2])
    assert model.losses == []
    assert (type(regularized), regularized.name) == (type(model), model.name)
    assert not regularized.compiled
    described = [
        [(la.name, type(la), la.trainable) for la in each._flatten_layers() if la.weights]
        for each in (model, regularized)
    ]
    assert described[1] == described[0]
    paths = [[weight.path for weight in m.trainable_weights] for m in (model, regularized)]
    assert paths[1] == paths[0]


def test_each_kernel_is_penalized_once_as_by_hand(model, l2, check):
    regularized, report = zoo.regularize(model, l2)
    expected = STRENGTH * check.sum_of_squares(model)
    assert check.total(regularized) == pytest.approx(expected, rel=1e-5)
    assert sum(row.value for row in report.rows()) == pytest.approx(expected, rel=1e-5)
    assert sum(row.share for row in report.rows()) == pytest.approx(1)
    assert report.refused == ()
    check.assert_attributes_agree(regularized)


def test_it_is_the_same_after_save_and_load(model, l2, check, tmp_path):
    regularized, _ = zoo.regularize(model, l2)
    regularized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    check.assert_copy(regularized, loaded, check.example(model))
    assert check.total(loaded) == pytest.approx(check.total(regularized), rel=1e-6)
    check.assert_attributes_agree(loaded)


def test_and_after_clone_model(model, l2, check):
    clone = keras.models.clone_model(zoo.regularize(model, l2)[0])
    if not clone.built:
        clone.build((None, 6))
    expected = STRENGTH * check.sum_of_squares(clone)  # the clone's weights are new
    assert check.total(clone) == pytest.approx(expected, rel=1e-5)
    check.assert_attributes_agree(clone)


def test_gradients_reach_the_penalty(models, check):
    model, _ = zoo.regularize(models.nested(), zoo.Regularization(l2=0.1))
    model.compile(keras.optimizers.SGD(0.5), loss=lambda y, p: 0.0 * keras.ops.sum(p, axis=-1))
    before = check.values(model.trainable_weights)
    model.train_on_batch(check.example(model), np.zeros((2, 3), "float32"))
    for weight, old in zip(model.trainable_weights, before, strict=True):
        # W <- W - rate * d(0.1 W^2)/dW
        expected = old * (1 - 0.5 * 2 * 0.1) if weight.name == "kernel" else old
        np.testing.assert_allclose(check.values([weight])[0], expected, rtol=1e-5)


def test_frozen_penalties_are_inactive_until_they_are_not(models, check):
    model = models.own()
    regularized, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    (frozen,) = report.inactive
    assert (frozen.layer, frozen.what, frozen.why) == ("frozen", "kernel", "frozen")
    assert "inactive: frozen" in report.table()
    before = check.total(regularized)
    regularized.get_layer("frozen").trainable = True
    kernel = check.values([regularized.get_layer("frozen").kernel])[0]
    expected = before + STRENGTH * (kernel**2).sum()
    assert check.total(regularized) == pytest.approx(expected, rel=1e-5)
    assert "inactive" not in report.table()  # it tells of the model as it is


def test_a_frozen_model(models):
    model = models.nested()
    model.trainable = False
    regularized, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert not regularized.trainable
    assert len(report.inactive) == len(report.applied) == 4
    assert regularized.losses == []


def test_strengths_are_live(models, check):
    model, report = zoo.regularize(models.sequential(), zoo.Regularization(l2=STRENGTH))
    before = check.total(model)
    for penalty in report.penalties:
        penalty.variable.regularizer.l2 = 2 * STRENGTH
    assert check.total(model) == pytest.approx(2 * before)


def test_all_of_a_regularization_at_once(models, check):
    regularization = zoo.Regularization(
        l1=1e-3,
        l2=1e-2,
        group_lasso=1e-3,
        hoyer=1e-4,
        max_norm=2.0,
        activity_l1=1e-3,
        dropout=0.3,
        spatial_dropout=0.1,
        drop_block=0.1,
        drop_connect=0.1,
        stochastic_depth=0.2,
        noise=0.1,
        augmentation="light",
        mixup=0.2,
        label_smoothing=0.1,
    )
    model = models.convolutional()
    regularized, report = zoo.regularize(model, regularization, value_range=(-3, 3), seed=1)
    check.assert_copy(model, regularized)
    asked = {name for change in report.applied for name in change.asked}
    assert asked == set(regularization.on())
    regularized.compile("sgd", "categorical_crossentropy")
    assert report.batch_augmentation is not None
    x, y = report.batch_augmentation((check.example(model), np.array([0, 2])), training=True)
    assert np.isfinite(regularized.train_on_batch(x, y))


def test_a_tier_of_the_zoo():
    options = {"input_shape": (40, 1), "num_classes": 4, "seed": 0}
    plain = zoo.create_model("resnet1d", **options)
    medium = zoo.preset("resnet1d", "medium")
    built = zoo.create_model("resnet1d", regularization=medium, **options)
    cut, _ = zoo.regularize(plain, "medium")
    penalties = [
        [w.regularizer.get_config() for w in m.weights if w.regularizer] for m in (built, cut)
    ]
    assert penalties[0] == penalties[1]
    kinds = [sorted(type(layer).__name__ for layer in m.layers) for m in (built, cut)]
    assert kinds[0] == kinds[1]


def test_penalties_that_it_had_are_kept_or_replaced():
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(4, kernel_regularizer="l1", name="one"),
            layers.Dense(2, kernel_regularizer="l1", name="other"),
        ]
    )
    _, report = zoo.regularize(model, rules={"one": L2(1e-3)})
    rows = [(row.layer, row.penalty, row.strength, row.state) for row in report.rows()]
    assert rows == [("one", "L2", "l2=0.001", ""), ("other", "L1", "l1=0.01", "kept")]


def test_the_attribute_of_a_built_layer_is_active_in_the_copy(models, check):
    """A frequent mistake: setting the attribute of a built layer."""
    model = models.sequential()
    model.get_layer("hidden").kernel_regularizer = keras.regularizers.L2(STRENGTH)
    assert model.losses == []
    regularized, report = zoo.regularize(model, rules={"logits": L2(STRENGTH)})
    assert check.total(regularized) == pytest.approx(STRENGTH * check.sum_of_squares(model))
    assert [row.state for row in report.rows()] == ["kept", ""]


def test_a_penalty_that_only_the_variable_has_is_not_lost_silently(models):
    model = models.sequential()
    model.get_layer("hidden").kernel.regularizer = keras.regularizers.L2(STRENGTH)
    message = r"'hidden': its weight '.*kernel' has a regularizer that its config does not have"
    with pytest.raises(ValueError, match=message):
        zoo.regularize(model, rules={"logits": L2(STRENGTH)})


def test_an_unbuilt_sequential_needs_an_input_shape(check):
    model = keras.Sequential([layers.Dense(3, name="logits")])
    with pytest.raises(ValueError, match="has no input shape yet: give `input_shape`"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH), input_shape=(4,))
    assert not model.built
    assert check.total(regularized) == pytest.approx(STRENGTH * check.sum_of_squares(regularized))


def test_open_sizes_of_the_input(check):
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(2, 3, activation="relu", padding="same", name="conv")(inputs)
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(x))
    regularized, _ = zoo.regularize(
        model, zoo.Regularization(drop_block=0.1), input_shape=(9, 8, 3)
    )
    assert regularized.input_shape == (None, 9, 8, 3)
    assert regularized.get_layer("conv_drop_block").block_size == 2
    check.assert_copy(model, regularized, np.ones((1, 9, 8, 3), "float32"))
    with pytest.raises(
        ValueError, match=r"drop_block changes nothing.* is unknown: give `input_shape`"
    ):
        zoo.regularize(model, zoo.Regularization(drop_block=0.1))
    message = (
        r"`input_shape` must be the comp.* has \(None, None, 3\). Received: input_shape=\(9, 8"
    )
    with pytest.raises(ValueError, match=message):
        zoo.regularize(model, zoo.Regularization(l2=1.0), input_shape=(9, 8, 1))


def test_masks_are_seeded_by_the_seed(models):
    def drawn(seed):
        model, _ = zoo.regularize(models.nested(), zoo.Regularization(dropout=0.5), seed=seed)
        layer = next(la for la in model._flatten_layers() if isinstance(la, Dropout))
        return np.asarray(layer(np.ones((1, 50), "float32"), training=True)).tolist()

    assert drawn(3) == drawn(3) != drawn(4)


def test_a_model_of_the_users_class_keeps_its_class(check):
    class Trained(keras.Model):
        def train_step(self, *arguments):
            return {"loss": 7.0}

    inputs = keras.Input((3,))
    model = Trained(inputs, layers.Dense(2)(inputs))
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert type(regularized) is Trained
    check.assert_copy(model, regularized)


def test_a_functional_model_with_a_constructor_of_its_own(check):
    class Backbone(keras.Model):
        def __init__(self, units, **kwargs):
            inputs = keras.Input((3,))
            super().__init__(inputs, layers.Dense(units, name="dense")(inputs), **kwargs)

        def get_config(self):
            return {"units": 2}

    model = Backbone(2)
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    check.assert_copy(model, regularized)
    assert len(regularized.losses) == 1


def test_without_any_regularization_the_model_is_a_copy(check):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    copied, report = zoo.regularize(model, zoo.Regularization())
    check.assert_copy(model, copied)
    assert not copied.losses
    assert not report.applied


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({}, ValueError, "Give a `regularization`, `rules`, or both"),
        ({"regularization": "light"}, ValueError, "Regularization, because.*'light'"),
        (
            {"regularization": 0.1},
            TypeError,
            "must be an occam.zoo.Regularization.*Received: regularization=0.1",
        ),
        (
            {"regularization": zoo.Regularization(weight_decay=0.1, sam_rho=0.1, l2=1.0)},
            ValueError,
            "`regularization` must be without weight_decay, sam_rho, which change the update",
        ),
        (
            {"regularization": zoo.Regularization(stochastic_depth=0.1)},
            ValueError,
            "stochastic_depth changes nothing in this model. It has no residual sum",
        ),
        (
            {"regularization": zoo.Regularization(l2=1.0, spatial_dropout=0.1)},
            ValueError,
            r'spatial_dropout changes nothing .*rules`, for example {"conv\*": {"spatial_dropout"',
        ),
        ({"rules": {"hidden": L2()}, "seed": -1}, ValueError, "`seed` must be .*Received: seed=-1"),
        ({"rules": {"hidden": L2()}, "skip": "bias"}, TypeError, '`skip` must be a list.*"bias"'),
        ({"rules": {"hidden": L2()}, "input_shape": (7,)}, ValueError, r"has \(6,\). Received"),
    ],
)
def test_wrong_arguments(models, arguments, error, message):
    with pytest.raises(error, match=message):
        zoo.regularize(models.sequential(), **arguments)


def test_a_subclassed_model_without_an_argument_for_it(check):
    class Closed(keras.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.dense = layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

    model = Closed()
    with pytest.raises(ValueError, match="has no weights yet: call it once on data"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    model(np.ones((1, 2)))
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert type(regularized).__name__ == "Closed"
    check.assert_copy(model, regularized, np.ones((1, 2), "float32"))
    assert check.total(regularized) == pytest.approx(STRENGTH * check.sum_of_squares(model))
    with pytest.raises(ValueError, match=r"dropout changes nothing in this model. Closed is subcl"):
        zoo.regularize(model, zoo.Regularization(dropout=0.1))
    with pytest.raises(ValueError, match=r"rules\['conv'\] matches no layer.*Closed is subclassed"):
        zoo.regularize(model, rules={"conv": L2(STRENGTH)})


def test_layers_with_lora_are_refused_by_name(models, check):
    model = models.sequential()
    model.get_layer("hidden").enable_lora(2)
    model.get_layer("hidden").lora_kernel_b.assign(np.ones((2, 5)))
    regularized, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    check.assert_copy(model, regularized)
    (refused,) = report.refused
    assert (refused.layer, refused.what) == ("hidden", "kernel")
    assert refused.why.endswith("penalizes A and B instead: regularize before enable_lora()")
    assert "hidden kernel: L1L2(l1=0, l2=0.01): with LoRA" in str(report)
    with pytest.raises(ValueError, match=r"rules\['hidden'\] changes nothing.*with LoRA"):
        zoo.regularize(model, rules={"hidden": L2(STRENGTH)})


def test_attention_that_is_quantized_inside_is_an_error(models):
    model = models.attention()
    for layer in model.get_layer("mha")._flatten_layers(include_self=False):
        if isinstance(layer, layers.EinsumDense):
            layer.quantize("int8")
    with pytest.raises(ValueError, match=r"'mha' \(MultiHeadAttention\) cannot be copied.*before"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))


def test_a_layer_that_is_shared_with_an_inner_model(check):
    dense = layers.Dense(5, name="shared")
    inner_input = keras.Input((5,), name="inner_x")
    inner = keras.Model(inner_input, dense(inner_input) * 2.0, name="inner")
    inputs = keras.Input((5,), name="x")
    model = keras.Model(inputs, layers.Dense(3, name="head")(inner(dense(inputs))))
    regularized, _ = zoo.regularize(model, rules={"inner/shared": L2(STRENGTH)})
    check.assert_copy(model, regularized)
    assert regularized.get_layer("shared") is regularized.get_layer("inner").get_layer("shared")
    squares = (check.values([dense.kernel])[0].astype("float64") ** 2).sum()
    assert check.total(regularized) == pytest.approx(STRENGTH * squares, rel=1e-5)


def test_lambda_layers_keep_what_they_refer_to(check, tmp_path):
    scale = 3.0
    inputs = keras.Input((4,))
    x = layers.Lambda(lambda t: t * scale, name="scaled")(inputs)
    model = keras.Model(inputs, layers.Dense(3, name="head")(x))
    regularized, _ = zoo.regularize(
        model, rules={"head": L2(STRENGTH), "scaled": {"activity": L2(1e-3)}}
    )
    assert regularized.get_layer("scaled").function is model.get_layer("scaled").function
    assert regularized.get_layer("scaled").activity_regularizer.l2 == 1e-3
    check.assert_copy(model, regularized)


def test_layers_that_their_config_does_not_make_are_named():
    class Bare(layers.Layer):
        def __init__(self, matrix):
            super().__init__(name="bare")
            self.matrix = matrix

        def call(self, inputs):
            return inputs @ self.matrix

    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2)(Bare(np.eye(3, dtype="float32"))(inputs)))
    message = r"Layer 'bare' \(Bare\) cannot be copied from its config. Give its class a get_config"
    with pytest.raises(ValueError, match=f"(?s){message}"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))


def test_kernels_without_an_argument_are_penalized_and_tables_of_biases_are_not(check):
    class Fixed(layers.Layer):
        def build(self, input_shape):
            self.w = self.add_weight(name="w", shape=(input_shape[-1], 2))
            self.b = self.add_weight(name="bias_table", shape=(2, 2))

        def call(self, inputs):
            return inputs @ self.w @ self.b

    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(2, name="head")(Fixed(name="fixed")(inputs)))
    regularized, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert [(change.layer, change.what) for change in report.applied] == [
        ("fixed", "w"),
        ("head", "kernel"),
    ]
    check.assert_copy(model, regularized)


def test_a_layer_that_takes_a_penalty_and_forgets_it():
    class Forgetful(layers.Layer):
        def __init__(self, kernel_regularizer=None, **kwargs):
            super().__init__(**kwargs)
            self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        def build(self, input_shape):
            self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 2))

        def call(self, inputs):
            return inputs @ self.kernel

        def get_config(self):
            penalty = keras.regularizers.serialize(self.kernel_regularizer)
            return {**super().get_config(), "kernel_regularizer": penalty}

    inputs = keras.Input((3,))
    model = keras.Model(inputs, Forgetful(name="forgetful")(inputs))
    message = r"'forgetful' \(Forgetful\) does not use its kernel_regularizer.*add_weight"
    with pytest.raises(ValueError, match=message):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))


def test_state_beside_the_weights(check):
    inputs = keras.Input((3,), name="x")
    standardized = layers.Normalization(name="standardized")
    standardized.adapt(np.random.default_rng(0).normal(5, 2, (50, 3)))
    model = keras.Model(inputs, layers.Dense(2, name="head")(standardized(inputs)))
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH, noise=0.1))
    x = check.example(model)
    check.assert_same(check.outputs(regularized, x), check.outputs(model, x))
    names = [layer.name for layer in regularized.layers]
    assert names == ["x", "standardized", "x_noise", "head"]
    check.assert_same(
        check.values(regularized.get_layer("standardized").weights),
        check.values(standardized.weights),
    )


def test_the_states_of_a_recurrent_layer(check):
    inputs = keras.Input(batch_shape=(2, 4, 3))
    outputs = layers.LSTM(3, stateful=True, name="lstm")(inputs)
    model = keras.Model(inputs, layers.Dense(2, name="head")(outputs))
    x = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    model(x)
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    check.assert_same(check.outputs(regularized, x), check.outputs(model, x))


def test_a_layer_of_keras_that_forgets_the_penalty_on_its_outputs_is_refused_by_name():
    """SimpleRNN is the only recurrent layer of Keras that does so."""
    inputs = keras.Input((4, 3))
    x = layers.GRU(3, return_sequences=True, name="gru")(inputs)
    x = layers.LSTM(3, return_sequences=True, name="lstm")(x)
    x = layers.SimpleRNN(3, name="simple")(x)
    model = keras.Model(inputs, layers.Dense(2, name="head")(x))
    _, report = zoo.regularize(model, zoo.Regularization(activity_l2=STRENGTH))
    assert [change.layer for change in report.applied] == ["gru", "lstm"]
    (refused,) = report.refused
    assert (refused.layer, refused.what) == ("simple", "outputs")
    assert refused.why == "SimpleRNN does not use its activity_regularizer"
    model.get_layer("simple").activity_regularizer = keras.regularizers.L2(STRENGTH)
    with pytest.raises(ValueError, match=r"'simple' \(SimpleRNN\) has an activity_.*would lose"):
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))


def test_what_was_refused_says_why_and_nothing_else(models):
    model = models.sequential()
    for layer in model.layers:
        layer.quantize("int8")
    with pytest.raises(ValueError, match=r"Refused: hidden kernel.*quantize\(\)") as caught:
        zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert "It has no kernel" not in str(caught.value)
    with pytest.raises(ValueError, match=r"mixup changes nothing.*needs one output") as caught:
        zoo.regularize(models.several(), zoo.Regularization(mixup=0.2))
    assert "kernel" not in str(caught.value)


@pytest.mark.parametrize("mode", ["int8", "float8", "int4"])
def test_quantized_layers_are_copied_and_refused_by_name(models, check, mode):
    model = models.sequential()
    model.get_layer("hidden").quantize(mode)
    regularized, report = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    assert [(c.layer, c.why) for c in report.refused] == [
        ("hidden", "it is quantized: regularize before quantize()")
    ]
    values = {weight.path: check.values([weight])[0] for weight in model.weights}
    for weight in regularized.weights:
        np.testing.assert_array_equal(check.values([weight])[0], values[weight.path])
    x = check.example(model)
    check.assert_same(check.outputs(regularized, x), check.outputs(model, x))
