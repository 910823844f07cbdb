"""`unwrap`: layers around a kernel that only do something in training, taken off."""

import keras
import numpy as np

from .graph import Graph, Step, takes_training
from .kernels import Kernel, kernel_of

__all__ = ["unwrap"]


def unwrap(graph: Graph) -> None:
    """Puts the wrapped layer in the place of each wrapper that answers as it does in inference.

    Tried out, to the bit, on random numbers: a layer that drops connections, say.
    """
    for step in graph.steps:
        if _can_be_unwrapped(step, graph) and _answers_alike(step):
            step.operation, step.node = step.operation.layer, None


def _can_be_unwrapped(step: Step, graph: Graph) -> bool:
    wrapper = step.operation
    return (
        isinstance(wrapper, keras.layers.Wrapper)
        and takes_training(wrapper)
        and isinstance(kernel_of(wrapper.layer), Kernel)
        and len(step.inputs) == len(step.outputs) == 1
        and id(wrapper) not in graph.shared
    )


def _answers_alike(step: Step) -> bool:
    (value,) = step.inputs
    inner = Step(step.operation.layer, step.path, None, step.inputs, step.outputs)
    arrays = {value: np.random.default_rng(0).normal(size=value.sizes)}
    return np.array_equal(step.evaluate(arrays), inner.evaluate(arrays))
