"""`Flow`: a functional model, run call by call in inference mode."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf
from keras import KerasTensor

from ...core.model_graph import Call, FlatGraph, functional_of
from ..errors import ExportError
from ..inference import infer

__all__ = ["Flow", "Values", "inference", "is_flat"]

Values = dict[KerasTensor, tf.Tensor]


class Flow:
    """The calls of a model's layers, those of nested models among them.

    Args:
        model: a functional model, or a Sequential one with an input.
        purpose: the signature that it is for, named in errors.

    Raises:
        ExportError: it is another kind of model.
    """

    def __init__(self, model: keras.Model, purpose: str):
        try:
            self._graph = FlatGraph(model)
        except ValueError as error:
            raise ExportError(f"The signature {purpose!r}: {error}") from error

    @property
    def steps(self) -> list[Call]:
        """The calls, in an order in which they can be run."""
        return self._graph.calls

    @property
    def output(self) -> KerasTensor:
        """What the model returns."""
        return self._graph.outputs[0]

    def begin(self, inputs: Any) -> Values:
        """The values that are known at first, from the model's inputs as it takes them."""
        tensors = self._graph.functional._standardize_inputs(inputs)
        return dict(zip(self._graph.inputs, tensors, strict=True))

    def run(
        self,
        steps: Iterable[Call],
        values: Values,
        call: Callable[[Call, tuple, dict], Any] | None = None,
    ) -> None:
        """Adds to `values` what the steps return, by `call`, or by default in inference mode."""
        for step in steps:
            args, kwargs = step.fill_in(values)
            outputs = keras.tree.flatten((call or inference)(step, args, kwargs))
            values.update(zip(step.outputs, outputs, strict=True))

    def before(self, value: KerasTensor) -> list[Call]:
        """The calls that `value` depends on, in their order."""
        return self._graph.calls_before(value)

    def penultimate(self) -> KerasTensor:
        """What goes into the last layer that has weights."""
        makers = self._graph.makers()
        value = self.output
        while value in makers:
            step = makers[value]
            if len(step.inputs) != 1:
                break
            value = step.inputs[0]
            if getattr(step.operation, "weights", None):
                if value not in makers:
                    break
                return value
        raise ExportError(
            "The signature 'embedding' expects layers before the last one with weights. Received: "
            f"{self._graph.model.name!r}, in which there is no single such value. "
            f"Name a layer: Embedding(layer), one of {self._names()}"
        )

    def output_of(self, layer: str) -> KerasTensor:
        """The output of a layer by its name or path, of its first call."""
        for step in self.steps:
            if layer in (step.path, step.operation.name) and len(step.outputs) == 1:
                return step.outputs[0]
        raise ExportError(
            f"The signature 'embedding' expects a layer of one output, one of {self._names()}. "
            f"Received: layer={layer!r}"
        )

    def _names(self) -> list[str]:
        return list(dict.fromkeys(step.path for step in self.steps if len(step.outputs) == 1))


def is_flat(model: keras.Model) -> bool:
    """Whether the calls of a model's layers are known."""
    return functional_of(model) is not None


def inference(step: Call, args: tuple, kwargs: dict) -> Any:
    """Calls as the model does outside of training."""
    if isinstance(step.operation, keras.Layer):
        return infer(step.operation, *args, **kwargs)
    return step.operation(*args, **kwargs)
