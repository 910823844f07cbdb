from typing import Any

import keras
import pytest
from keras import layers

from occam.core.model_graph import (
    FlatGraph,
    ModelGraph,
    call_of,
    can_be_rebuilt,
    functional_of,
)


class Counting(keras.Model):
    """A functional model with its own training step."""

    def train_step(self, data):
        return super().train_step(data)


class Named(Counting):
    """A model that also has its own constructor."""

    def __init__(self, units):
        x = keras.Input((4,))
        super().__init__(x, layers.Dense(units)(x))


class Called(keras.Sequential):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training, mask=mask)


@pytest.fixture
def model():
    """An inner model, called twice, after a layer and after itself."""
    given = keras.Input((4,), name="given")
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Dense(4, name="first"), layers.Dense(4, name="last")],
        name="inner",
    )
    x = inner(layers.Dense(4, name="before")(given))
    x = layers.Add(name="sum")([inner(x), x])
    return keras.Model(given, layers.Dense(3, name="head")(x), name="whole")


def test_what_shows_its_calls():
    inputs = keras.Input((4,))
    outputs = layers.Dense(3)(inputs)
    shown = (keras.Model(inputs, outputs), keras.Sequential([inputs, layers.Dense(3)]))
    hidden = (keras.Sequential([layers.Dense(3)]), Called([inputs]), layers.Dense(3))
    assert all(functional_of(model) is not None for model in shown)
    assert all(functional_of(model) is None for model in hidden)
    for graph in (ModelGraph, FlatGraph):
        with pytest.raises(
            ValueError, match=r"`model` must be a functional.*Received: model=<Sequential"
        ):
            graph(hidden[0])


def test_what_can_be_rebuilt():
    inputs = keras.Input((4,))
    assert can_be_rebuilt(keras.Model(inputs, inputs * 2))
    assert can_be_rebuilt(Counting(inputs, inputs * 2))
    assert not can_be_rebuilt(Named(3))
    outer = keras.Model(inputs, Named(3)(inputs))
    assert len(ModelGraph(outer).inner) == 1
    assert len(ModelGraph(outer, rebuildable=True).inner) == 0


def test_calls_stand_in_the_order_in_which_they_run(model):
    graph = ModelGraph(model)
    assert [call.path for call in graph.calls] == ["before", "inner", "inner", "sum", "head"]
    (inner,) = graph.inner.values()
    assert [call.path for call in inner.calls] == ["inner/first", "inner/last"]
    assert [each.path for each in graph.walk()] == ["", "inner"]
    assert [call.path for call in FlatGraph(model).calls] == [
        *("before", "inner/first", "inner/last", "inner/first", "inner/last", "sum", "head")
    ]


def test_makers_and_users(model):
    graph = ModelGraph(model)
    before, first, second, total, head = graph.calls
    assert graph.maker(before.outputs[0]) is before
    assert graph.maker(before.inputs[0]) is None
    assert graph.users(first.outputs[0]) == [second, total]
    assert call_of(head.outputs[0]).operation is head.operation
    assert call_of(graph.inputs[0]).path == "given"


def test_makers_are_found_through_inner_models(model):
    graph = ModelGraph(model)
    (inner,) = graph.inner.values()

    def makers(graph, tensor):
        return [call.path for _, call in graph.makers_through_models(tensor)]

    assert makers(graph, graph.calls[2].outputs[0]) == ["inner/last"]
    assert makers(inner, inner.inputs[0]) == ["before", "inner/last"]  # at both places
    assert makers(graph, graph.inputs[0]) == []


def test_an_inner_model_may_hand_on_its_inputs():
    first, second = keras.Input((4,)), keras.Input((4,))
    swap = keras.Model([first, second], [second, first], name="swap")
    a, b = keras.Input((4,)), keras.Input((4,))
    given = [layers.Dense(4, name="a")(a), layers.Dense(4, name="b")(b)]
    for outputs, expected in ((swap(given), ["b", "a"]), (swap(swap(given)), ["b", "a", "b", "a"])):
        graph = ModelGraph(keras.Model([a, b], outputs))
        makers = [c.path for t in graph.outputs for _, c in graph.makers_through_models(t)]
        assert sorted(makers) == sorted(expected)


def test_outputs_are_followed_into_inner_models():
    inputs = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3)], name="inner")
    graph = ModelGraph(keras.Model(inputs, inner(inputs)))
    (inside,) = graph.inner.values()
    assert graph.final_tensors() == {graph.outputs[0], inside.outputs[0]}


def test_shared_layers_have_all_their_paths():
    inputs, dense = keras.Input((4,)), layers.Dense(4, name="shared")
    inner = keras.Sequential([keras.Input((4,)), dense], name="inner")
    graph = ModelGraph(keras.Model(inputs, inner(dense(inputs))))
    (located,) = graph.layers()
    assert located.paths == ("shared", "inner/shared")
    assert graph.paths()[id(dense)] == located.paths
    assert located.around == ((inner, ("inner",)),)


def test_a_call_is_filled_in_with_other_tensors():
    inputs: Any = keras.Input((4, 3))
    layer = layers.MultiHeadAttention(2, 3, name="attention")
    (call,) = ModelGraph(keras.Model(inputs, layer(inputs, value=inputs))).calls
    args, kwargs = call.fill_in({inputs: "x"})
    assert (args, kwargs["value"]) == (("x",), "x")
    assert call.keywords["value"] is inputs
    (shape,) = ModelGraph(keras.Model(inputs, keras.ops.reshape(inputs, (-1, 12)))).calls
    assert (shape.kind, shape.constants()) == ("Reshape", [])


def test_a_flat_graph_gives_each_call_tensors_of_its_own(model):
    graph = FlatGraph(model)
    values = [tensor for call in graph.calls for tensor in call.outputs]
    assert len(set(values)) == len(values)
    sum_, head = graph.calls[-2:]
    assert graph.makers()[sum_.inputs[0]] is graph.calls[4]
    assert graph.users(graph.calls[2].outputs[0]) == [graph.calls[3], sum_]
    assert graph.calls_before(head.inputs[0]) == graph.calls[:-1]
    assert graph.outputs == head.outputs


def test_a_flat_graph_knows_what_is_shared(model):
    graph = FlatGraph(model)
    first = graph.calls[1].operation
    assert graph.call_counts[id(first)] == 2
    assert graph.shared[id(first)] == "is called 2 times"
    assert id(graph.calls[0].operation) not in graph.shared


def test_a_call_can_be_taken_out():
    inputs = keras.Input((4,))
    model = keras.Sequential([inputs, layers.Dense(4), layers.Dropout(0.5), layers.Dense(3)])
    graph = FlatGraph(model)
    dense, dropout, last = graph.calls
    graph.remove(dropout)
    assert graph.calls == [dense, last]
    assert last.inputs == dense.outputs


def test_an_inner_model_is_inlined_where_its_inputs_are_given_as_it_takes_them():
    inputs = keras.Input((4,))
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    inner = keras.Model({"a": a, "b": b}, keras.ops.add(a, 2 * b), name="inner")
    (_, total) = FlatGraph(keras.Model(inputs, inner({"b": inputs, "a": inputs}))).calls
    assert total.kind == "Add"
    flat = keras.Sequential(
        [keras.Input((4,), dtype="int32"), layers.Embedding(9, 2)], name="other"
    )
    (other,) = FlatGraph(keras.Model(inputs, flat(inputs))).calls  # of another type
    assert other.path == "other"
