"""`Flow`: a functional model, run call by call in inference mode."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from ..compaction.graph import Graph, Step, Value
from ..errors import ExportError
from ..inference import infer


class Flow:
    """The calls of a model's layers, those of nested models among them.

    Args:
        model: A functional model, or a Sequential one with an input.
        purpose: The signature that runs it, for errors.

    Raises:
        ExportError: If it is another kind of model.
    """

    def __init__(self, model: keras.Model, purpose: str):
        try:
            self.graph = Graph(model)
        except ValueError as error:
            raise ExportError(f"The signature {purpose!r}: {error}") from error
        self.steps = self.graph.steps
        self.output = self.graph.outputs[0]

    def begin(self, inputs: Any) -> dict[Value, tf.Tensor]:
        """Return the values of the model's inputs, given as it takes them."""
        tensors = self.graph.functional._standardize_inputs(inputs)
        return dict(zip(self.graph.inputs, tensors, strict=True))

    def run(
        self,
        steps: Iterable[Step],
        values: dict[Value, tf.Tensor],
        call: Callable[[Step, tuple, dict], Any] | None = None,
    ) -> None:
        """Add the outputs of the steps to `values`, by `call`, or by default in inference mode."""
        for step in steps:
            args, kwargs = step.arguments(values)
            outputs = keras.tree.flatten((call or inference)(step, args, kwargs))
            values.update(zip(step.outputs, outputs, strict=True))

    def before(self, value: Value) -> list[Step]:
        """Return the steps that `value` depends on, in their order."""
        needed = {value}
        steps = []
        for step in reversed(self.steps):
            if needed & set(step.outputs):
                steps.append(step)
                needed |= set(step.inputs)
        return steps[::-1]


def inference(step: Step, args: tuple, kwargs: dict) -> Any:
    """Call a step as the model does outside of training."""
    if isinstance(step.operation, keras.Layer):
        return infer(step.operation, *args, **kwargs)
    return step.operation(*args, **kwargs)
