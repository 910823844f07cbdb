"""User-defined layers: copies from complete configs, and errors that name incomplete ones."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from occam import zoo
from occam.zoo.regularizers import L2

STRENGTH = 0.01
EVERYWHERE = zoo.Regularization(l2=STRENGTH)


def with_head(*inner):
    return keras.Sequential([keras.Input((3,)), *inner, layers.Dense(2, name="head")])


def functional(layer):
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(2, name="head")(layer(inputs)))


class Terse(layers.Layer):
    """A config without the arguments of every layer."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], self.units))

    def call(self, inputs):
        return inputs @ self.kernel

    def get_config(self):
        return {"units": self.units}


@pytest.mark.parametrize("make", [with_head, functional])
def test_name_precision_and_frozenness_stay_where_the_config_is_terse(make, check):
    layer = Terse(4, name="own", dtype="mixed_float16", trainable=False)
    model = make(layer)
    regularized, _ = zoo.regularize(model, rules={"head": L2(STRENGTH)})
    copy = regularized.get_layer("own")
    assert (copy.dtype_policy.name, copy.trainable) == ("mixed_float16", False)
    check.assert_copy(model, regularized, np.ones((2, 3), "float32"))


def test_a_layer_without_get_config_keeps_its_name():
    class Unsaid(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)

        def call(self, inputs):
            return inputs

    regularized, _ = zoo.regularize(with_head(Unsaid(name="own")), rules={"head": L2(STRENGTH)})
    assert [layer.name for layer in regularized.layers] == ["own", "head"]


def test_a_penalty_on_outputs_is_not_lost_silently():
    layer = Terse(4, name="own", activity_regularizer="l2")
    message = r"'own' \(Terse\) has an activity_regularizer that its config .* lose it"
    with pytest.raises(ValueError, match=message):
        zoo.regularize(with_head(layer), rules={"head": L2(STRENGTH)})


@keras.saving.register_keras_serializable(package="tests")
class Holding(layers.Layer):
    """Always builds its inner layer, even if that is built."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, inputs):
        return self.inner(inputs)

    def get_config(self):
        inner = keras.saving.serialize_keras_object(self.inner)
        return {**super().get_config(), "inner": inner}

    @classmethod
    def from_config(cls, config):
        inner = keras.saving.deserialize_keras_object(config.pop("inner"))
        return cls(inner, **config)


@pytest.mark.parametrize("make", [with_head, functional])
def test_a_layer_that_builds_what_it_holds(make, check):
    model = make(Holding(layers.Dense(4, name="inner"), name="own"))
    regularized, _ = zoo.regularize(model, rules={"own/inner": L2(STRENGTH)})
    check.assert_copy(model, regularized, np.ones((2, 3), "float32"))
    squares = (check.values([model.get_layer("own").inner.kernel])[0] ** 2).sum()
    assert check.total(regularized) == pytest.approx(STRENGTH * squares, rel=1e-5)
    check.assert_copy(model, zoo.strip(regularized), np.ones((2, 3), "float32"))


def test_a_constructor_without_kwargs():
    class Strict(layers.Layer):
        def __init__(self):
            super().__init__()

        def call(self, inputs):
            return inputs

    message = r"'strict\w*' \(Strict\) cannot be copied.* passes \*\*kwargs to .*'trainable'"
    with pytest.raises(ValueError, match=f"(?s){message}"):
        zoo.regularize(with_head(Strict()), rules={"head": L2(STRENGTH)})


def test_a_copy_that_cannot_be_called_is_named():
    class Wide(Terse):
        def call(self, inputs):
            if self.units != 4:
                raise RuntimeError("4 units are needed")
            return super().call(inputs)

        def get_config(self):
            return {"units": 5}

    message = r"'own' \(Wide\) was rebuilt from its config .*cannot be called .*4 units are needed"
    with pytest.raises(ValueError, match=f"(?s){message}"):
        zoo.regularize(functional(Wide(4, name="own")), rules={"head": L2(STRENGTH)})


def tokens():
    inputs = keras.Input((5,), dtype="int32", name="tokens")
    return [inputs, layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)]


def steps():
    return [keras.Input((5, 2), name="steps"), layers.Masking(), layers.GRU(3)]


def nested_steps():
    inner = keras.Sequential([keras.Input((5, 2)), layers.Masking()], name="inner")
    return [keras.Input((5, 2), name="steps"), inner, layers.GRU(3)]


@pytest.mark.parametrize("make", [tokens, steps, nested_steps])
def test_masks_stay_in_a_sequential_model(make, check, tmp_path):
    model = keras.Sequential([*make(), layers.Dense(2, name="head")])
    padded = np.array(check.example(model))
    padded[:, 3:] = 0
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH, dropout=0.1))
    stripped = zoo.strip(regularized)
    assert [layer.name for layer in stripped.layers] == [layer.name for layer in model.layers]
    regularized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    cloned = keras.models.clone_model(regularized)
    cloned.set_weights(regularized.get_weights())
    for copy in (regularized, stripped, loaded, cloned):
        assert isinstance(copy, keras.Sequential)
        check.assert_copy(model, copy, padded)
    assert check.total(loaded) == pytest.approx(STRENGTH * check.sum_of_squares(model), rel=1e-6)


@pytest.mark.parametrize("functional", [False, True])
def test_noise_comes_after_masking(functional):
    stack = [keras.Input((5, 2), name="x"), layers.Masking(name="mask"), layers.GRU(3, name="gru")]
    model = keras.Sequential(stack)
    if functional:
        model = keras.Model(stack[0], stack[2](stack[1](stack[0])))
    regularized, _ = zoo.regularize(model, zoo.Regularization(noise=1.0), seed=0)
    assert [layer.name for layer in regularized.layers][-3:] == ["mask", "x_noise", "gru"]
    with pytest.raises(ValueError, match="its padding would no longer be masked"):
        zoo.regularize(model, zoo.Regularization(augmentation="light"))


class Forgetful(layers.Layer):
    """A layer with a value that is not in its config."""

    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def call(self, inputs):
        return inputs

    def get_config(self):
        return super().get_config()


class Private(Forgetful):
    def __init__(self, value=None, **kwargs):
        super().__init__(**kwargs)
        self._value = value


def scaling(factor):
    return lambda x: factor * x


@pytest.mark.parametrize(
    "value",
    [
        *(3.0, "relu", [1.0, 2.0], {"a": [1]}, (1, None), np.arange(3)),
        *(lambda x: x, np.array(["a"])),
    ],
)
@pytest.mark.parametrize("kind", [Forgetful, Private])
def test_what_a_config_forgets_is_named(kind, value):
    model = with_head(kind(value, name="layer"))
    name = "_value" if kind is Private else "value"
    message = (
        rf"'layer' \({kind.__name__}\) cannot be copied .*: {name} is .*, and in the copy None"
    )
    with pytest.raises(ValueError, match=message):
        zoo.regularize(model, EVERYWHERE)


def test_a_tensor_that_a_config_forgets():
    model = with_head(Forgetful(ops.convert_to_tensor([1.0, 2.0]), name="layer"))
    with pytest.raises(ValueError, match=r"value is .*, and in the copy None"):
        zoo.regularize(model, EVERYWHERE)


@keras.saving.register_keras_serializable(package="tests")
class Remembering(layers.Layer):
    """Attributes of all kinds that are equal but not identical in the copy."""

    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.calls = factor, {"of": [factor, np.nan, None]}
        self._array = np.array([factor, np.nan])
        self.tensor = ops.convert_to_tensor([factor])
        self._function = scaling(factor)
        self.held = [layers.Dense(3, name="held")]

    def build(self, input_shape):
        self.held[0].build(input_shape)

    def call(self, inputs):
        return self._function(self.held[0](inputs))

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


def test_what_is_equal_in_the_copy(check):
    model = with_head(Remembering(3.0, name="layer"))
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    model.fit(x, np.zeros((2, 2)), verbose=0)
    check.assert_copy(model, zoo.regularize(model, EVERYWHERE)[0], x)


def test_functions_that_refer_to_something_else():
    class Default(Forgetful):
        def __init__(self, value=None, **kwargs):
            super().__init__(value or scaling(1.0), **kwargs)

    model = with_head(Default(scaling(2.0), name="layer"))
    with pytest.raises(ValueError, match="value is <function"):
        zoo.regularize(model, EVERYWHERE)
    zoo.regularize(with_head(Default(name="layer")), EVERYWHERE)


def test_what_use_leaves_in_a_model(models, check):
    model = models.subclassed()
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = check.example(model), np.zeros((2, 3))
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    check.assert_copy(model, zoo.regularize(model, EVERYWHERE)[0])


def test_what_layers_of_keras_keep_privately_is_their_own(check):
    class Norm(layers.Normalization):
        pass

    norm = Norm(name="norm")
    norm.adapt(np.random.default_rng(0).normal(5, 2, (50, 3)))
    model = with_head(norm)
    x = np.ones((2, 3), "float32")
    check.assert_same(
        check.outputs(zoo.regularize(model, EVERYWHERE)[0], x), check.outputs(model, x)
    )
