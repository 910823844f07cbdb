"""The calls of layers in a functional or Sequential model."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree
from keras.src.models.functional import Functional  # Keras has no public name for it

from .checks import message

# Private names of Keras 3.15 that only this module reads: `_nodes_by_depth`, `_inbound_nodes`,
# `_keras_history`, the nodes' `arguments`, and the `_functional` of a Sequential.

# A subclass that overrides one of these differs from a plain graph of its layers.
_BEHAVIOUR = ("call", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def functional_of(model: Any) -> Any:
    """Return the functional model that records the calls of a model, or `None`.

    A Sequential model has one once its input shape is known. Subclassed models record no calls, nor
    do functional and Sequential models with an overridden `call`.
    """
    base = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    if not isinstance(model, base) or type(model).call is not base.call:
        return None
    return model._functional if isinstance(model, keras.Sequential) else model


def can_be_rebuilt(model: Any) -> bool:
    """Return whether a functional model of the same layers behaves like `model`.

    A subclass may override the constructor or a method such as `train_step`, but not both.
    """
    if functional_of(model) is None:
        return False
    base = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    own_constructor = type(model).__init__ is not base.__init__
    changed = any(getattr(type(model), n) is not getattr(base, n) for n in _BEHAVIOUR)
    return not (own_constructor and changed)


@dataclass(eq=False)
class Call:
    """One call of a layer, or of an operation such as `keras.ops.add`, on symbolic tensors."""

    operation: Any
    path: str  # the name after the names of the models around it: "backbone/conv1"
    inputs: list[keras.KerasTensor]  # the symbolic tensors among the arguments, flat
    outputs: list[keras.KerasTensor]  # flat
    node: Any = None  # Keras' record of the call; None: its only argument is one tensor

    @property
    def kind(self) -> str:
        """The class name of the layer or operation."""
        return type(self.operation).__name__

    @property
    def keywords(self) -> dict[str, Any]:
        """The keyword arguments; `training` may hold the default of `call`."""
        return self.node.arguments.kwargs if self.node else {}

    def fill_in(
        self, values: Mapping[keras.KerasTensor, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments, with `values` in place of the symbolic tensors."""
        if self.node is None:
            return (values[self.inputs[0]],), {}
        pairs = zip(self.node.input_tensors, self.inputs, strict=True)
        return self.node.arguments.fill_in({id(own): values[tensor] for own, tensor in pairs})

    def constants(self) -> list[Any]:
        """Return the arguments that are neither symbolic tensors nor `None`, flat."""
        arguments = self.fill_in(dict.fromkeys(self.inputs))
        return [leaf for leaf in tree.flatten(arguments) if leaf is not None]


def call_of(tensor: keras.KerasTensor) -> Call:
    """Return the call that made a symbolic tensor; the input of a model has its `InputLayer`.

    >>> inputs = keras.Input((8,), name="x")
    >>> call = call_of(keras.layers.Dense(3, name="hidden")(inputs))
    >>> call.path, call_of(call.inputs[0]).path
    ('hidden', 'x')
    """
    history = tensor._keras_history  # pyright: ignore[reportAttributeAccessIssue]
    operation, index, _ = history
    return _call(operation._inbound_nodes[index], "")


def _call(node: Any, path: str) -> Call:
    path = f"{path}/{node.operation.name}" if path else node.operation.name
    return Call(node.operation, path, list(node.input_tensors), list(node.outputs), node)


def _nodes(functional: Any) -> list[Any]:
    """Return the nodes in execution order; inputs have a node as well."""
    by_depth = functional._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


@dataclass(eq=False)
class LocatedLayer:
    """A called layer and its place in a model."""

    layer: Any
    paths: tuple[str, ...]  # more than one if several models share it
    around: tuple[tuple[Any, tuple[str, ...]], ...] = ()  # the models around it, and their paths


class ModelGraph:
    """The calls of one functional or Sequential model; models inside it have graphs of their own.

    Args:
        model: A model for which `functional_of` is not `None`.
        path: The path of the model in the one around it; empty for the outermost.
        rebuildable: Whether inner models that cannot be rebuilt count as layers.

    Attributes:
        calls: The calls, in execution order.
        inputs, outputs: The tensors of the model, flat.
        inner: The graphs of the called models, by the identity of the model.

    >>> inputs = keras.Input((4,))
    >>> hidden = keras.layers.Dense(8, name="hidden")(inputs)
    >>> graph = ModelGraph(keras.Model(inputs, keras.layers.Dense(3, name="logits")(hidden)))
    >>> [call.path for call in graph.calls], graph.maker(graph.outputs[0]).path
    (['hidden', 'logits'], 'logits')
    """

    def __init__(
        self, model: Any, path: str = "", *, rebuildable: bool = False, _known: Any = None
    ):
        self.model, self.path, self.functional = model, path, _checked(model)
        self.inputs: list[keras.KerasTensor] = self.functional.inputs
        self.outputs: list[keras.KerasTensor] = self.functional.outputs
        nodes = _nodes(self.functional)
        self.names = {node.operation.name for node in nodes}
        self.calls = tuple(_call(node, path) for node in nodes if not node.is_input)
        self._makers = {tensor: call for call in self.calls for tensor in call.outputs}
        self._users: dict[keras.KerasTensor, list[Call]] = {}
        for call in self.calls:
            for tensor in dict.fromkeys(call.inputs):
                self._users.setdefault(tensor, []).append(call)
        known: dict[int, ModelGraph] = {} if _known is None else _known
        known[id(model)] = self
        self.inner: dict[int, ModelGraph] = {}
        self._sites: list[tuple[ModelGraph, Call]] = []  # where the model is called
        for call in self.calls:
            inner = call.operation
            if can_be_rebuilt(inner) if rebuildable else functional_of(inner) is not None:
                graph = known.get(id(inner)) or ModelGraph(
                    inner, call.path, rebuildable=rebuildable, _known=known
                )
                self.inner[id(inner)] = graph
                graph._sites.append((self, call))

    def join(self, name: str) -> str:
        """Return the path of a layer of this model from its name."""
        return f"{self.path}/{name}" if self.path else name

    def maker(self, tensor: keras.KerasTensor) -> Call | None:
        """Return the call with the output `tensor`, or `None` for an input of the model."""
        return self._makers.get(tensor)

    def users(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls with the input `tensor`, each once."""
        return self._users.get(tensor, [])

    def walk(self, _seen: set[int] | None = None) -> Iterator["ModelGraph"]:
        """Yield this graph and all inside it, each once, in the order of their calls."""
        seen = set() if _seen is None else _seen
        if id(self) not in seen:
            seen.add(id(self))
            yield self
            for inner in self.inner.values():
                yield from inner.walk(seen)

    def within(self, tensor: keras.KerasTensor) -> "tuple[ModelGraph, keras.KerasTensor] | None":
        """Return the graph and the output of the inner model that returns `tensor`, or `None`."""
        call = self.maker(tensor)
        inner = self.inner.get(id(call.operation)) if call else None
        if call is None or inner is None:
            return None
        index = [id(output) for output in call.outputs].index(id(tensor))
        return inner, inner.outputs[index]

    def makers_through_models(self, tensor: keras.KerasTensor) -> list[tuple["ModelGraph", Call]]:
        """Return the calls of layers that make `tensor`, each with its graph.

        The last layer of an inner model makes its output. The layers before all calls of an inner
        model make its input. No layer makes an input of the outermost model.
        """
        found: list[tuple[ModelGraph, Call]] = []
        seen: set[tuple[int, int]] = set()

        def visit(graph: ModelGraph, tensor: keras.KerasTensor) -> None:
            if (id(graph), id(tensor)) in seen:
                return
            seen.add((id(graph), id(tensor)))
            if inside := graph.within(tensor):
                visit(*inside)
            elif call := graph.maker(tensor):
                found.append((graph, call))
            else:
                index = [id(each) for each in graph.inputs].index(id(tensor))
                for outer, site in graph._sites:
                    visit(outer, site.inputs[index])

        visit(self, tensor)
        return found

    def final_tensors(self) -> set[keras.KerasTensor]:
        """Return the model's outputs, and the same tensors in inner models."""
        found = set()
        for output in self.outputs:
            place: Any = self, output
            while place:
                found.add(place[1])
                place = place[0].within(place[1])
        return found

    def paths(self) -> dict[int, tuple[str, ...]]:
        """Return all paths of each called layer, operation and model, by its identity."""
        return {key: located.paths for key, located in self._located().items()}

    def layers(self) -> list[LocatedLayer]:
        """Return the called layers, also of inner models, each once."""
        models = {id(graph.model) for graph in self.walk()}
        return [
            located
            for key, located in self._located().items()
            if isinstance(located.layer, keras.layers.Layer) and key not in models
        ]

    def _located(self) -> dict[int, LocatedLayer]:
        found: dict[int, LocatedLayer] = {}

        def visit(graph: ModelGraph, path: str, around: tuple[Any, ...]) -> None:
            for call in graph.calls:
                operation = call.operation
                inside = f"{path}/{operation.name}" if path else operation.name
                place = found.setdefault(id(operation), LocatedLayer(operation, ()))
                if inside not in place.paths:
                    place.paths, place.around = (*place.paths, inside), (*place.around, *around)
                    if inner := graph.inner.get(id(operation)):
                        visit(inner, inside, (*around, (operation, (inside,))))

        visit(self, self.path, ())
        return found


class FlatGraph:
    """The calls of a functional or Sequential model and its inner models in one list.

    Each call of an inner model has new tensors. The graph can be edited: `remove` takes a call
    out, and a call's `operation` can be assigned.

    Args:
        model: A model for which `functional_of` is not `None`.

    Attributes:
        calls: The calls, in execution order.
        inputs, outputs: The tensors of the model, flat.
        call_counts: The number of calls of each layer and operation, by its identity.
        shared: The reason why the weights of a layer are shared, by the identity of the layer.
    """

    def __init__(self, model: keras.Model):
        self.model, self.functional = model, _checked(model)
        self.calls: list[Call] = []
        self.inputs = [_like(tensor) for tensor in self.functional.inputs]
        self.outputs = self._inline(self.functional, "", self.inputs)
        self.call_counts = Counter(id(call.operation) for call in self.calls)
        self.shared = dict(self._shared())

    def _inline(self, functional: Any, path: str, given: list[Any]) -> list[Any]:
        values = {id(t): v for t, v in zip(functional.inputs, given, strict=True)}
        for node in _nodes(functional):
            if not node.is_input:
                call = _call(node, path)
                call.inputs = [values[id(tensor)] for tensor in node.input_tensors]
                if _can_be_inlined(node):
                    inner = functional_of(node.operation)
                    call.outputs = self._inline(inner, call.path, call.inputs)
                else:
                    call.outputs = [_like(tensor) for tensor in node.outputs]
                    self.calls.append(call)
                values.update(zip(map(id, node.outputs), call.outputs, strict=True))
        return [values[id(tensor)] for tensor in functional.outputs]

    def _shared(self) -> Iterator[tuple[int, str]]:
        called = {id(call.operation): call.operation for call in self.calls}
        layers = {k: x for k, x in called.items() if isinstance(x, keras.layers.Layer)}
        owners = Counter(id(weight) for layer in layers.values() for weight in layer.weights)
        for key, layer in layers.items():
            if self.call_counts[key] > 1 and layer.weights:
                yield key, f"is called {self.call_counts[key]} times"
            elif any(owners[id(weight)] > 1 for weight in layer.weights):
                yield key, "shares weights with another layer"

    def makers(self) -> dict[keras.KerasTensor, Call]:
        """Return the calls by their outputs."""
        return {tensor: call for call in self.calls for tensor in call.outputs}

    def users(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls with the input `tensor`, each once."""
        return [call for call in self.calls if any(tensor is each for each in call.inputs)]

    def calls_before(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls before `tensor`, in execution order."""
        needed, calls = {tensor}, []
        for call in reversed(self.calls):
            if needed.intersection(call.outputs):
                calls.append(call)
                needed.update(call.inputs)
        return calls[::-1]

    def remove(self, call: Call) -> None:
        """Take out a call with one input and one output, and pass its input on."""
        (given,), (returned,) = call.inputs, call.outputs
        self.calls.remove(call)
        for other in self.calls:
            other.inputs = [given if tensor is returned else tensor for tensor in other.inputs]
        self.outputs = [given if tensor is returned else tensor for tensor in self.outputs]


def _checked(model: Any) -> Any:
    if (functional := functional_of(model)) is None:
        expected = "a functional model, or a Sequential one with a `keras.Input`"
        raise ValueError(message("model", model, expected))
    return functional


def _can_be_inlined(node: Any) -> bool:
    """Return whether the only arguments of a call of a model are its inputs, in its structure."""
    expected = functional_of(node.operation)
    if expected is None or len(node.arguments.args) != 1:
        return False
    given, structure = node.input_tensors, node.arguments.args[0]
    if not len(tree.flatten(structure)) == len(given) == len(expected.inputs):
        return False
    return (len(given) == 1 or _keys(structure) == _keys(expected.input)) and all(
        len(one.shape) == len(other.shape) and one.dtype == other.dtype
        for one, other in zip(given, expected.inputs, strict=True)
    )


def _keys(structure: Any) -> list[Any]:
    return [path for path, _ in tree.flatten_with_path(structure)]


def _like(tensor: Any) -> keras.KerasTensor:
    return keras.KerasTensor(tensor.shape, tensor.dtype)
