"""Monte Carlo dropout: run a model several times with dropout left on, with a seed per row."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf

from ...core.layer_kinds import drop_rates, seed_generators, takes_training
from ...core.model_graph import Call, FlatGraph
from ..errors import ExportError
from ..inference import begin, flat_graph, inference, run

_BITS_OF_DRAWS = 20  # a generator has 2^20 draws in a pass, and 2^20 passes


def sample(
    model: keras.Model, inputs: Any, seeds: tf.Tensor, samples: int, units: int
) -> tf.Tensor:
    """Return the model's outputs `samples` times for each row, float32 `(n * samples, units)`.

    The passes of a row follow each other. Each is a batch of one row, so that it depends only on
    the row's inputs and seed, an int64. The layers before the first dropout run once, for all rows
    together. A subclassed model hides its layers: all of it runs in each pass.
    """
    try:
        graph = flat_graph(model, "uncertainty")
    except ExportError:

        def dropped(rows: Any, seed: tf.Tensor) -> Any:
            with stochastic(model, _states(seed, itertools.count())):
                return model(rows, training=True)

        return _passes(dropped, inputs, seeds, samples, units)
    trunk, rest = _split(graph)
    values = begin(graph, inputs)
    run(trunk, values)
    made = {value for call in rest for value in call.outputs}
    outside = {value for call in rest for value in call.inputs if value not in made}
    between = [value for value in values if value in outside and value.shape[0] is None]
    # Values without a batch axis, such as positional embeddings, are shared by all rows.
    same = {value: values[value] for value in outside.difference(between)}

    def finish(rows: list[tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        known = {**same, **dict(zip(between, rows, strict=True))}
        numbers = itertools.count()
        run(rest, known, lambda call, a, k: _answer(call, a, k, seed, numbers))
        return known[graph.outputs[0]]

    return _passes(finish, [values[value] for value in between], seeds, samples, units)


def drops(operation: Any) -> bool:
    """Return whether an operation contains dropout of any kind, or stochastic depth."""
    if not isinstance(operation, keras.Layer):
        return False
    with tf.init_scope():  # a rate may be a weight, which has no value within a graph
        return any(any(drop_rates(layer).values()) for layer in operation._flatten_layers())


def _split(graph: FlatGraph) -> tuple[list[Call], list[Call]]:
    """Return the calls before any dropout, and the others."""
    trunk, rest = [], []
    random = set()
    for call in graph.calls_before(graph.outputs[0]):
        if drops(call.operation) or random & set(call.inputs):
            random |= set(call.outputs)
            rest.append(call)
        else:
            trunk.append(call)
    if not rest:
        raise ExportError(
            "The signature 'uncertainty' needs dropout on the way to the model's output. "
            f"Received: {graph.model.name!r}, with dropout elsewhere"
        )
    return trunk, rest


def _answer(call: Call, args: tuple, kwargs: dict, seed: tf.Tensor, numbers: Iterator[int]) -> Any:
    if not drops(call.operation):
        return inference(call, args, kwargs)
    with stochastic(call.operation, _states(seed, numbers)):
        return call.operation(*args, **{**kwargs, "training": True})


def _states(seed: tf.Tensor, numbers: Iterator[int]) -> Iterator[tf.Tensor]:
    """Yield the states of generators: the seed, int64 `(2,)`, with a counter for each of them."""
    for number in numbers:
        yield seed + tf.constant([0, number << 40], tf.int64)


@contextmanager
def stochastic(
    operation: Any, states: Iterator[Any], is_on: Callable[[Any], bool] = drops
) -> Iterator[None]:
    """Make a call with `training=True` apply dropout and no other training behavior.

    Layers within that are not `is_on` run in inference mode, and no variable is assigned: layers
    write into a scope that is thrown away. Each random generator begins with one of `states`.
    """
    layers = operation._flatten_layers()
    with tf.init_scope():
        generators = [g for layer in layers for g in seed_generators(layer)]
    state = [(g.state, next(states)) for g in generators]
    with ExitStack() as stack:
        for layer in layers:
            if takes_training(layer) and not is_on(layer):
                stack.enter_context(_in_inference(layer))
        stack.enter_context(keras.StatelessScope(state_mapping=state))
        yield


@contextmanager
def _in_inference(layer: Any) -> Iterator[None]:
    """Make a layer ignore its argument `training`."""
    original = layer.call

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "training": False})

    layer.call = call
    try:
        yield
    finally:
        del layer.call


def _passes(
    function: Callable[..., tf.Tensor], tensors: Any, seeds: tf.Tensor, samples: int, units: int
) -> tf.Tensor:
    """Run `function` on each row of `tensors`, as a batch of one, with `samples` seeds."""

    def one(index: tf.Tensor) -> tf.Tensor:
        row, number = index // samples, index % samples
        rows = tf.nest.map_structure(lambda tensor: _row(tensor, row), tensors)
        seed = tf.stack([seeds[row], tf.cast(number, tf.int64) * 2**_BITS_OF_DRAWS])
        return tf.cast(function(rows, seed)[0], tf.float32)

    spec = tf.TensorSpec((units,), tf.float32)
    return tf.map_fn(one, tf.range(tf.size(seeds) * samples), fn_output_signature=spec)


def _row(tensor: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """Return one row as a batch, with its mask."""
    taken = tf.gather(tensor, [row])
    mask = getattr(tensor, "_keras_mask", None)
    if mask is not None:
        taken._keras_mask = tf.gather(mask, [row])
    return taken
