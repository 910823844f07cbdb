"""`View`: a model as the rules see it."""

import keras
import numpy as np
import pytest
from keras import layers

from occam.zoo.linting.view import View


def sources(view, call):
    """The calls directly before a call."""
    return list(view.before(call, through=lambda layer: False))


def nested():
    """input -> encoder(dense -> drop) -> head(norm -> out)."""
    encoder = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="dense"), layers.Dropout(0.1, name="drop")],
        name="encoder",
    )
    feature = keras.Input((4,))
    normed = layers.BatchNormalization(name="norm")(feature)
    head = keras.Model(feature, layers.Dense(2, name="out")(normed), name="head")
    inputs = keras.Input((4,), name="inputs")
    return keras.Model(inputs, head(encoder(inputs)), name="model")


def test_every_layer_has_a_path():
    places = [p.path for p in View(nested()).places if "input" not in p.path]
    assert places == ["encoder", "encoder/dense", "encoder/drop", "head", "head/norm", "head/out"]


def test_layers_in_layers_and_in_lists():
    inputs = keras.Input((5, 4))
    attention = layers.MultiHeadAttention(2, 2, name="mha")(inputs, inputs)
    both = layers.Bidirectional(layers.LSTM(2), name="both")(attention)
    paths = [p.path for p in View(keras.Model(inputs, both)).places]
    assert {"mha/query", "mha/attention_output", "both/forward_lstm/lstm_cell"} <= set(paths)

    class Lists(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [layers.Dense(4, name="first"), layers.Dense(4, name="second")]

        def call(self, inputs):
            return self.blocks[1](self.blocks[0](inputs))

    model = Lists()
    model(np.ones((1, 4), "float32"))
    assert [p.path for p in View(model).places] == ["first", "second"]


def test_a_shared_layer_stands_once():
    dense, inputs = layers.Dense(4, name="dense"), keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), dense], name="inner")
    view = View(keras.Model(inputs, inner(dense(inputs))))
    assert [p.layer for p in view.places].count(dense) == 1


def test_own_variables():
    inputs = keras.Input((5, 4))
    model = keras.Model(inputs, layers.Bidirectional(layers.LSTM(2), name="both")(inputs))
    owned = {p.path: [v.name for v in p.variables] for p in View(model).owners}
    assert owned["both"] == owned["both/forward_lstm"] == owned[model.name] == []
    names = ["kernel", "recurrent_kernel", "bias"]
    assert owned["both/forward_lstm/lstm_cell"] == owned["both/backward_lstm/lstm_cell"] == names
    assert sum(map(len, owned.values())) == len(model.weights)


def test_inputs_are_followed_across_nested_models():
    view = View(nested())
    calls = {call.path: call for call in view.calls()}
    assert {"encoder", "encoder/dense", "head", "head/norm", "head/out"} <= set(calls)
    assert [c.path for c in sources(view, calls["head/norm"])] == ["encoder/drop"]
    assert [c.path for c in sources(view, calls["encoder/drop"])] == ["encoder/dense"]
    assert list(sources(view, calls["encoder/dense"])) == []  # the model's input
    assert [c.path for c, _ in view.outputs()] == ["head/out"]
    through = view.before(calls["head/out"], through=lambda layer: True)
    assert [c.path for c in through] == ["head/norm", "encoder/drop", "encoder/dense"]


def test_a_call_of_ones_own_hides_the_graph():
    class Own(keras.Model):
        def call(self, inputs, training=None):
            return inputs

    inputs = keras.Input((4,))
    model = Own(inputs, layers.Dropout(0.1)(inputs))
    assert list(View(model).calls()) == []
    assert list(View(model).outputs()) == []


@pytest.mark.parametrize("compiled", [True, False])
def test_what_the_model_was_compiled_with(compiled):
    model = nested()
    assert View(model).optimizer is None
    assert View(model).losses == []
    model.compile("sgd", "mse")
    view = View(model, compiled)
    assert (view.optimizer is model.optimizer) == compiled
    assert view.losses == ["mse"] * compiled
    assert [(c.path, loss) for c, loss in view.outputs()] == [
        ("head/out", "mse" if compiled else None)
    ]


def test_nothing_is_changed():
    model = nested()
    before = model.get_config(), [w.copy() for w in model.get_weights()]
    view = View(model)
    _ = view.places, view.owners, list(view.calls()), list(view.outputs())
    assert model.get_config() == before[0]
    for one, other in zip(model.get_weights(), before[1], strict=True):
        np.testing.assert_array_equal(one, other)
