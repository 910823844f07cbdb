"""`sample`: the outputs of a model with dropout left on, each row by a seed of its own."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from ...core.model_graph import Call
from ..errors import ExportError
from .dropping import dropping, drops
from .flow import Flow, inference, is_flat

__all__ = ["sample"]

_BITS_OF_DRAWS = 20  # of a generator within one pass: 2^20 draws, and 2^20 passes before the next


def sample(
    model: keras.Model, inputs: Any, seeds: tf.Tensor, samples: int, units: int
) -> tf.Tensor:
    """The model's outputs for each row `samples` times, float32 `(n * samples, units)`.

    The passes of a row follow each other. Each is computed in a batch of its own, so that a row's
    depend on nothing but its inputs and its seed, and a layer that draws once a batch draws once a
    pass. What no dropout comes before is computed once, for all rows together; of a model that
    shows no calls of layers, being subclassed, that is nothing.

    Args:
        model: any Keras model with a layer that drops.
        inputs: the model's, nested as it takes them.
        seeds: int64 `(n,)`.
        samples: how many passes.
        units: the size of the last axis of the model's output.

    Raises:
        ExportError: no layer that drops is on the way to the model's output.
    """
    if not is_flat(model):
        return _passes(
            lambda rows, seed: _dropped(model, rows, seed), inputs, seeds, samples, units
        )
    flow = Flow(model, "uncertainty")
    trunk, rest = _split(flow)
    values = flow.begin(inputs)
    flow.run(trunk, values)
    made = {value for step in rest for value in step.outputs}
    outside = {value for step in rest for value in step.inputs if value not in made}
    between = [value for value in values if value in outside and value.shape[0] is None]
    # What has no axis of rows, such as a table of positions, is the same for each of them.
    same = {value: values[value] for value in outside.difference(between)}

    def finish(rows: list[tf.Tensor], seed: tf.Tensor) -> tf.Tensor:
        known = {**same, **dict(zip(between, rows, strict=True))}
        numbers = itertools.count()
        flow.run(rest, known, lambda step, a, k: _call(step, a, k, seed, numbers))
        return known[flow.output]

    return _passes(finish, [values[value] for value in between], seeds, samples, units)


def _split(flow: Flow) -> tuple[list[Call], list[Call]]:
    """The steps that no dropout comes before, and the others."""
    trunk, rest = [], []
    random = set()
    for step in flow.before(flow.output):
        if drops(step.operation) or random & set(step.inputs):
            random |= set(step.outputs)
            rest.append(step)
        else:
            trunk.append(step)
    if not rest:
        raise ExportError(
            "The signature 'uncertainty' expects dropout on the way to the model's output. "
            "Received: a model in which it is elsewhere"
        )
    return trunk, rest


def _call(step: Call, args: tuple, kwargs: dict, seed: tf.Tensor, numbers: Iterator[int]) -> Any:
    if not drops(step.operation):
        return inference(step, args, kwargs)
    with dropping(step.operation, seed, numbers):
        return step.operation(*args, **{**kwargs, "training": True})


def _dropped(model: keras.Model, rows: Any, seed: tf.Tensor) -> Any:
    with dropping(model, seed, itertools.count()):
        return model(rows, training=True)


def _passes(
    function: Callable[[Any, tf.Tensor], tf.Tensor],
    tensors: Any,
    seeds: tf.Tensor,
    samples: int,
    units: int,
) -> tf.Tensor:
    """`function` of each row of `tensors`, as batches of one, `samples` times with other seeds."""

    def one(index: tf.Tensor) -> tf.Tensor:
        row, number = index // samples, index % samples
        rows = tf.nest.map_structure(lambda tensor: _row(tensor, row), tensors)
        seed = tf.stack([seeds[row], tf.cast(number, tf.int64) * 2**_BITS_OF_DRAWS])
        return tf.cast(function(rows, seed)[0], tf.float32)

    spec = tf.TensorSpec((units,), tf.float32)
    return tf.map_fn(one, tf.range(tf.size(seeds) * samples), fn_output_signature=spec)


def _row(tensor: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
    """One row as a batch, with its mask."""
    taken = tf.gather(tensor, [row])
    mask = getattr(tensor, "_keras_mask", None)
    if mask is not None:
        taken._keras_mask = tf.gather(mask, [row])
    return taken
