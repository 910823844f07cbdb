"""`Graph`: a functional or Sequential model as one flat list of calls, inner models inlined."""

import inspect
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import tree
from keras.src.models.functional import Functional  # Keras has no public name for it

_UNKNOWN_SIZE = 16  # of an axis without a size, where a layer is tried out


@dataclass(frozen=True, eq=False)
class Value:
    """A symbolic tensor.

    Args:
        shape: with the batch first, `None` where a size is not known.
        dtype: of its elements.
    """

    shape: tuple[int | None, ...]
    dtype: str

    @property
    def channels(self) -> int:
        """The size of the last axis; 0 if it has none besides the batch, or no floats."""
        floats = keras.backend.is_float_dtype(self.dtype)
        return (self.shape[-1] or 0) if len(self.shape) > 1 and floats else 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """A shape to try a layer with: one sample, and 16 along each axis of no known size."""
        return (1, *(_UNKNOWN_SIZE if size is None else size for size in self.shape[1:]))


@dataclass(eq=False)
class Step:
    """One call of a layer or an operation.

    Args:
        operation: what is called.
        path: its name after those of the models around it, `backbone/conv1`.
        node: Keras' record of the call; `None` for a call with the input and nothing else.
        inputs: the values among its arguments.
        outputs: the values that it returns.
    """

    operation: Any
    path: str
    node: Any
    inputs: list[Value]
    outputs: list[Value]

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.operation).__name__

    def arguments(self, values: Mapping[Value, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of the call, with `values` in the place of the symbolic tensors."""
        if self.node is None:
            return (values[self.inputs[0]],), {}
        pairs = zip(self.node.input_tensors, self.inputs, strict=True)
        return self.node.arguments.fill_in({id(tensor): values[value] for tensor, value in pairs})

    def constants(self) -> list[Any]:
        """The arguments that are no symbolic tensors."""
        args, kwargs = self.arguments(dict.fromkeys(self.inputs))
        return [leaf for leaf in tree.flatten((args, kwargs)) if leaf is not None]

    def evaluate(self, arrays: Mapping[Value, np.ndarray]) -> np.ndarray:
        """The first output for given inputs, in inference mode."""
        tensors = {
            value: keras.ops.convert_to_tensor(array, dtype=value.dtype)
            for value, array in arrays.items()
        }
        args, kwargs = self.arguments(tensors)
        if takes_training(self.operation):
            kwargs["training"] = False
        output = tree.flatten(self.operation(*args, **kwargs))[0]
        return np.asarray(keras.ops.convert_to_numpy(output), "float64")


class Graph:
    """The calls of a model in an order in which they can be run, those of inner models among them.

    Args:
        model: a functional model, or a Sequential one that knows its input.

    Raises:
        ValueError: it is another kind of model.
    """

    def __init__(self, model: keras.Model):
        _check(model)
        self.model = model
        self.functional = _functional(model)
        self.steps: list[Step] = []
        self.inputs = [_value(tensor) for tensor in self.functional.inputs]
        self.outputs = self._inline(self.functional, "", self.inputs)
        self.calls = Counter(id(step.operation) for step in self.steps)
        self.shared = _shared(self.steps, self.calls)

    def _inline(self, functional: Any, path: str, given: list[Value]) -> list[Value]:
        values = {id(t): v for t, v in zip(functional.inputs, given, strict=True)}
        by_depth = functional._nodes_by_depth
        for node in (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]):
            if not node.is_input:
                inputs = [values[id(tensor)] for tensor in node.input_tensors]
                outputs = self._call(node, f"{path}{node.operation.name}", inputs)
                values.update(zip(map(id, node.outputs), outputs, strict=True))
        return [values[id(tensor)] for tensor in functional.outputs]

    def _call(self, node: Any, path: str, inputs: list[Value]) -> list[Value]:
        if _can_be_inlined(node):
            return self._inline(_functional(node.operation), f"{path}/", inputs)
        outputs = [_value(tensor) for tensor in node.outputs]
        self.steps.append(Step(node.operation, path, node, inputs, outputs))
        return outputs

    def makers(self) -> dict[Value, Step]:
        """The step that returns each value."""
        return {value: step for step in self.steps for value in step.outputs}

    def users(self, value: Value) -> list[Step]:
        """The steps that take `value`, each once."""
        return [step for step in self.steps if value in step.inputs]

    def remove(self, step: Step) -> None:
        """Takes out a step of one input and one output: what it was given is handed on."""
        (given,), (returned,) = step.inputs, step.outputs
        self.steps.remove(step)
        for other in self.steps:
            other.inputs = [given if value is returned else value for value in other.inputs]
        self.outputs = [given if value is returned else value for value in self.outputs]


def takes_training(operation: Any) -> bool:
    """Whether a layer does something else in training, as its `call` says."""
    is_layer = isinstance(operation, keras.layers.Layer)
    return is_layer and "training" in inspect.signature(operation.call).parameters


def _check(model: Any) -> None:
    if not _is_graph(model):
        raise ValueError(
            "Expected a functional model, or a Sequential one with a `keras.Input`, so that the "
            f"calls of its layers are known. Received: {type(model).__name__} "
            f"{getattr(model, 'name', model)!r}"
        )


def _is_graph(operation: Any) -> bool:
    base = keras.Sequential if isinstance(operation, keras.Sequential) else Functional
    if not isinstance(operation, base) or type(operation).call is not base.call:
        return False
    return _functional(operation) is not None


def _functional(model: Any) -> Any:
    return model._functional if isinstance(model, keras.Sequential) else model


def _can_be_inlined(node: Any) -> bool:
    """Whether a call is that of a model with just its inputs, in their structure."""
    if not _is_graph(node.operation) or len(node.arguments.args) != 1:
        return False
    expected = _functional(node.operation)
    given = node.input_tensors
    first = node.arguments.args[0]
    return len(tree.flatten(first)) == len(given) == len(expected.inputs) and (
        (len(given) == 1 or _paths(first) == _paths(expected.input))
        and all(
            len(one.shape) == len(other.shape) and one.dtype == other.dtype
            for one, other in zip(given, expected.inputs, strict=True)
        )
    )


def _paths(structure: Any) -> list[Any]:
    return [path for path, _ in tree.flatten_with_path(structure)]


def _value(tensor: Any) -> Value:
    return Value(tuple(tensor.shape), tensor.dtype)


def _shared(steps: list[Step], calls: Counter[int]) -> dict[int, str]:
    """Why the weights of a layer are not its own, by the identity of the layer."""
    layers = {
        id(s.operation): s.operation for s in steps if isinstance(s.operation, keras.layers.Layer)
    }
    owners = Counter(id(weight) for layer in layers.values() for weight in layer.weights)
    why = {}
    for key, layer in layers.items():
        if any(owners[id(weight)] > 1 for weight in layer.weights):
            why[key] = "shares weights with another layer"
        if calls[key] > 1 and layer.weights:
            why[key] = f"is called {calls[key]} times"
    return why
