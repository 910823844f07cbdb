"""The calls that a functional or Sequential model consists of; the one reader of Keras' record."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree
from keras.src.models.functional import Functional  # Keras has no public name for it

# Private names of Keras 3.15 that are read here and nowhere else: `_nodes_by_depth`,
# `_inbound_nodes`, `_keras_history`, the nodes' `arguments`, and the `_functional` of a Sequential.

# A subclass that defines one of these does something that a graph of its layers would not do.
_BEHAVIOUR = ("call", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def functional_of(model: Any) -> Any:
    """Return the functional model that shows the calls of a model, or `None` if nothing does.

    A functional model is its own; a Sequential model has one inside as soon as its input shape is
    known. Subclassed models show no calls, nor do subclasses of these two with a `call`.
    """
    base = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    if not isinstance(model, base) or type(model).call is not base.call:
        return None
    return model._functional if isinstance(model, keras.Sequential) else model


def can_be_rebuilt(model: Any) -> bool:
    """Return whether a functional model of the same layers would do the same as `model`.

    A subclass may have a constructor of its own, or its own behavior such as a `train_step`, but
    not both: then it can be made neither from its layers nor by its constructor.
    """
    if functional_of(model) is None:
        return False
    base = keras.Sequential if isinstance(model, keras.Sequential) else Functional
    own_constructor = type(model).__init__ is not base.__init__
    changed = any(getattr(type(model), n) is not getattr(base, n) for n in _BEHAVIOUR)
    return not (own_constructor and changed)


@dataclass(eq=False)
class Call:
    """One call of a layer, or of an operation such as `keras.ops.add`, on symbolic tensors.

    Args:
        operation: The layer or operation that is called.
        path: Its name after the names of the models around it: `"backbone/conv1"`.
        inputs: The symbolic tensors among the arguments, in the order of the flat arguments.
        outputs: The symbolic tensors that it returns, flat.
        node: Keras' record of the call, or `None` for a call with one tensor and nothing else.
    """

    operation: Any
    path: str
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]
    node: Any = None

    @property
    def kind(self) -> str:
        """The class name of the layer or operation."""
        return type(self.operation).__name__

    @property
    def keywords(self) -> dict[str, Any]:
        """The keyword arguments. `training` may hold the default of `call` if it was not given."""
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
    """The record of every call, in an order in which they can run; inputs have one as well."""
    by_depth = functional._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


@dataclass(eq=False)
class LocatedLayer:
    """A layer that is called, with its place in a model.

    Args:
        layer: The layer.
        paths: Its paths. A layer that several models share has several.
        around: The models in which it lies, the outermost first, each with its paths.
    """

    layer: Any
    paths: tuple[str, ...]
    around: tuple[tuple[Any, tuple[str, ...]], ...] = ()


class ModelGraph:
    """The calls of one functional or Sequential model; models inside it have graphs of their own.

    Args:
        model: A model for which `functional_of` is not `None`.
        path: The path of the model in the one around it; empty for the outermost.
        rebuildable: Whether to look only into inner models that can be rebuilt. Others count as
            layers.

    Attributes:
        calls: The calls, in an order in which they can run.
        inputs: The input tensors, flat.
        outputs: The output tensors, flat.
        inner: The graphs of the models that are called, by the identity of the model. A model that
            is called in several places has one graph.

    Raises:
        ValueError: If the model shows no calls.

    Example:

    >>> inputs = keras.Input((4,))
    >>> hidden = keras.layers.Dense(8, name="hidden")(inputs)
    >>> graph = ModelGraph(keras.Model(inputs, keras.layers.Dense(3, name="logits")(hidden)))
    >>> [call.path for call in graph.calls], graph.maker(graph.outputs[0]).path
    (['hidden', 'logits'], 'logits')
    """

    def __init__(
        self,
        model: Any,
        path: str = "",
        *,
        rebuildable: bool = False,
        _known: "dict[int, ModelGraph] | None" = None,
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
        known = {} if _known is None else _known
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
        """Return the path of something in this model."""
        return f"{self.path}/{name}" if self.path else name

    def maker(self, tensor: keras.KerasTensor) -> Call | None:
        """Return the call that returned `tensor`, or `None` for an input of the model."""
        return self._makers.get(tensor)

    def users(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls that take `tensor`, each once."""
        return self._users.get(tensor, [])

    def is_output(self, tensor: keras.KerasTensor) -> bool:
        """Return whether the model returns `tensor`."""
        return any(tensor is output for output in self.outputs)

    def walk(self) -> Iterator["ModelGraph"]:
        """Yield this graph and all inside it, each once, in the order of their calls."""
        seen: set[int] = set()

        def visit(graph: ModelGraph) -> Iterator[ModelGraph]:
            if id(graph) not in seen:
                seen.add(id(graph))
                yield graph
                for inner in graph.inner.values():
                    yield from visit(inner)

        return visit(self)

    def within(self, tensor: keras.KerasTensor) -> "tuple[ModelGraph, keras.KerasTensor] | None":
        """Return the graph and the output of the inner model that made `tensor`, if one did."""
        call = self.maker(tensor)
        inner = self.inner.get(id(call.operation)) if call else None
        if call is None or inner is None:
            return None
        index = [id(output) for output in call.outputs].index(id(tensor))
        return inner, inner.outputs[index]

    def makers_through_models(self, tensor: keras.KerasTensor) -> list[tuple["ModelGraph", Call]]:
        """Return the calls of layers that made `tensor`, each with the graph that it is in.

        The output of an inner model is made by the layer at its end. An input of an inner model is
        made by what the model is called with, which differs from place to place. An input of the
        outermost model is made by nothing.
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
                index = [id(given) for given in graph.inputs].index(id(tensor))
                for outer, site in graph._sites:
                    visit(outer, site.inputs[index])

        visit(self, tensor)
        return found

    def final_tensors(self) -> set[keras.KerasTensor]:
        """Return the model's outputs, together with the outputs of inner models that they are."""
        found = set()
        for output in self.outputs:
            place: Any = self, output
            while place:
                found.add(place[1])
                place = place[0].within(place[1])
        return found

    def paths(self) -> dict[int, tuple[str, ...]]:
        """Return all paths of each layer, operation and model that is called, by its identity."""
        return {key: located.paths for key, located in self._located().items()}

    def layers(self) -> list[LocatedLayer]:
        """Return the layers that are called, each once; those of inner models at their place."""
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
    """The calls of a functional or Sequential model in one list, those of inner models among them.

    The tensors are new ones, so that each call of an inner model has tensors of its own, and calls
    can be changed: `remove` takes one out, and a call's `operation` may be assigned.

    Args:
        model: A model for which `functional_of` is not `None`.

    Attributes:
        calls: The calls, in an order in which they can run.
        inputs: The input tensors, flat.
        outputs: The output tensors, flat.
        call_counts: How often each layer and operation is called, by its identity.
        shared: Why the weights of a layer are not its own alone, by the identity of the layer.

    Raises:
        ValueError: If the model shows no calls.
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

    def maker(self, tensor: keras.KerasTensor) -> Call | None:
        """Return the call that returns `tensor`, or `None` for an input of the model."""
        return next((call for call in self.calls if _among(tensor, call.outputs)), None)

    def makers(self) -> dict[keras.KerasTensor, Call]:
        """Return the call that returns each tensor."""
        return {tensor: call for call in self.calls for tensor in call.outputs}

    def users(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls that take `tensor`, each once."""
        return [call for call in self.calls if _among(tensor, call.inputs)]

    def calls_before(self, tensor: keras.KerasTensor) -> list[Call]:
        """Return the calls that `tensor` depends on, in an order in which they can run."""
        needed, calls = {tensor}, []
        for call in reversed(self.calls):
            if needed.intersection(call.outputs):
                calls.append(call)
                needed.update(call.inputs)
        return calls[::-1]

    def remove(self, call: Call) -> None:
        """Take out a call of one input and one output: those after it take its input instead."""
        (given,), (returned,) = call.inputs, call.outputs
        self.calls.remove(call)
        for other in self.calls:
            other.inputs = [given if tensor is returned else tensor for tensor in other.inputs]
        self.outputs = [given if tensor is returned else tensor for tensor in self.outputs]


def _checked(model: Any) -> Any:
    if (functional := functional_of(model)) is None:
        raise ValueError(
            "`model` must be a functional model, or a Sequential one with a `keras.Input`, so that "
            f"the calls of its layers are known. Received: {type(model).__name__} "
            f"{getattr(model, 'name', model)!r}"
        )
    return functional


def _can_be_inlined(node: Any) -> bool:
    """Return whether a call is that of a model with just its inputs, in their structure."""
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


def _among(tensor: Any, tensors: list[Any]) -> bool:
    return any(tensor is each for each in tensors)
