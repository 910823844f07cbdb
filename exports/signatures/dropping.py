"""Which layers drop something at random in training, and how to have them do it outside of it."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from numbers import Real
from typing import Any

import keras
import tensorflow as tf

from ...core.layer_kinds import takes_training

__all__ = ["dropping", "drops"]

_RATES = ("rate", "dropout", "recurrent_dropout")


def drops(operation: Any) -> bool:
    """Whether a layer, or one inside of it, drops something in training.

    Those are the layers that draw random numbers and have a probability for it: dropout of all
    kinds, stochastic depth, and the dropout within recurrent layers and attention. Noise and
    augmentation have strengths of another kind, and batch normalization draws nothing.
    """
    if not isinstance(operation, keras.Layer):
        return False
    return any(_drops_itself(layer) for layer in operation._flatten_layers())


def _drops_itself(layer: Any) -> bool:
    with tf.init_scope():  # a rate may be a weight, of which a graph has no value
        rates = [getattr(layer, name, None) for name in _RATES]
    return bool(layer._seed_generators) and any(isinstance(r, Real) and r > 0 for r in rates)


@contextmanager
def dropping(operation: Any, seed: tf.Tensor, numbers: Iterator[int]) -> Iterator[None]:
    """Within it, `operation` called with `training=True` drops, and does nothing else of training.

    No variable is assigned: what layers write goes into a scope that is thrown away. Layers inside
    that do not drop, such as batch normalization, are called as in inference.

    Args:
        operation: a layer for which `drops` is true.
        seed: int64 `(2,)`: what the random numbers depend on, and a counter.
        numbers: distinct integers, of which each generator takes one, to draw differently.
    """
    layers = operation._flatten_layers()
    generators = [g for layer in layers for g in layer._seed_generators]
    state = [(g.state, seed + tf.constant([0, next(numbers) << 40], tf.int64)) for g in generators]
    with ExitStack() as stack:
        for layer in layers:
            if takes_training(layer) and not drops(layer):
                stack.enter_context(_in_inference(layer))
        stack.enter_context(keras.StatelessScope(state_mapping=state))
        yield


@contextmanager
def _in_inference(layer: Any) -> Iterator[None]:
    """`layer` behaves as in inference, whatever it is told."""
    original = layer.call

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return original(*args, **{**kwargs, "training": False})

    layer.call = call
    try:
        yield
    finally:
        del layer.call
