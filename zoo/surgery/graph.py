"""`Graph`: a functional or sequential model as the calls of its layers, inner models included."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.models.functional import Functional  # Keras has no public name for it

__all__ = ["Call", "Graph", "Located", "is_graph"]

# A class that defines one of these does something that a rebuilt graph would not do.
_BEHAVIOUR = ("call", "train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def is_graph(operation: Any) -> bool:
    """Whether a model can be rebuilt from its layers: it is functional, or sequential and built.

    A subclass counts if its constructor is Keras' own, and also one with a constructor of its own
    that adds no behaviour to the graph.
    """
    if isinstance(operation, keras.Sequential):
        base = keras.Sequential
        if operation._functional is None:
            return False
    elif isinstance(operation, Functional):
        base = Functional
    else:
        return False
    own = type(operation).__init__ is not base.__init__
    changed = [n for n in _BEHAVIOUR if getattr(type(operation), n) is not getattr(base, n)]
    return "call" not in changed and not (own and changed)


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or an operation.

    Args:
        node: Keras' record of the call.
        path: of what is called: its name after those of the models around it, `backbone/conv1`.
    """

    node: Any
    path: str

    @property
    def operation(self) -> Any:
        """What is called."""
        return self.node.operation

    @property
    def inputs(self) -> list[Any]:
        """The symbolic tensors among its arguments."""
        return self.node.input_tensors

    @property
    def outputs(self) -> list[Any]:
        """The symbolic tensors that it returns."""
        return self.node.outputs


class Graph:
    """What is called in a model, in an order in which it can be run, and the models inside it.

    All that reads Keras' private record of a model stands here.

    Args:
        model: a model for which `is_graph` is true.
        path: its path in the model around it, empty for the outermost.
        known: the graphs by the identity of their models; a model that is called in several places
            is one graph.
    """

    def __init__(self, model: Any, path: str = "", known: dict[int, "Graph"] | None = None):
        known = {} if known is None else known
        known[id(model)] = self
        self.model, self.path = model, path
        self.functional = model._functional if isinstance(model, keras.Sequential) else model
        by_depth = self.functional._nodes_by_depth
        nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
        self.calls = tuple(Call(n, self.join(n.operation.name)) for n in nodes if not n.is_input)
        self.names = {node.operation.name for node in nodes}
        self._made_by = {id(t): call for call in self.calls for t in call.outputs}
        self._outputs = {id(t) for t in self.outputs}
        self._users: dict[int, list[Call]] = {}
        for call in self.calls:
            for tensor in call.inputs:
                self._users.setdefault(id(tensor), []).append(call)
        self.inner: dict[int, Graph] = {}
        for call in self.calls:
            if is_graph(call.operation) and id(call.operation) not in self.inner:
                known_one = known.get(id(call.operation))
                inner = known_one or Graph(call.operation, call.path, known)
                self.inner[id(call.operation)] = inner

    def join(self, name: str) -> str:
        """The path of something in this model."""
        return f"{self.path}/{name}" if self.path else name

    @property
    def inputs(self) -> list[Any]:
        """The input tensors, flat."""
        return self.functional.inputs

    @property
    def outputs(self) -> list[Any]:
        """The output tensors, flat."""
        return self.functional.outputs

    def maker(self, tensor: Any) -> Call | None:
        """The call that returned `tensor`, `None` for an input."""
        return self._made_by.get(id(tensor))

    def users(self, tensor: Any) -> list[Call]:
        """The calls that take `tensor`."""
        return self._users.get(id(tensor), [])

    def is_output(self, tensor: Any) -> bool:
        """Whether the model returns `tensor`."""
        return id(tensor) in self._outputs

    def finals(self) -> set[int]:
        """The identities of the tensors that the outermost model returns, in inner ones as well."""
        found: set[int] = set()

        def visit(graph: Graph, tensor: Any) -> None:
            found.add(id(tensor))
            call = graph.maker(tensor)
            if call and (inner := graph.inner.get(id(call.operation))):
                index = [id(output) for output in call.outputs].index(id(tensor))
                visit(inner, inner.outputs[index])

        for output in self.outputs:
            visit(self, output)
        return found

    def walk(self) -> Iterator["Graph"]:
        """This graph and all inside it, each once, in the order in which they are called."""
        seen: set[int] = set()

        def visit(graph: Graph) -> Iterator[Graph]:
            if id(graph) not in seen:
                seen.add(id(graph))
                yield graph
                for inner in graph.inner.values():
                    yield from visit(inner)

        return visit(self)

    def paths(self) -> dict[int, tuple[str, ...]]:
        """All paths of each thing that is called, by its identity: a shared layer has several."""
        return {key: tuple(found.paths) for key, found in self._located().items()}

    def layers(self) -> list["Located"]:
        """The layers that are called, each once, those of inner models at their place."""
        located = self._located().values()
        return [
            found
            for found in located
            if isinstance(found.layer, keras.layers.Layer) and not is_graph(found.layer)
        ]

    def _located(self) -> dict[int, "Located"]:
        found: dict[int, Located] = {}

        def visit(graph: Graph, path: str, around: tuple[Any, ...]) -> None:
            for call in graph.calls:
                operation = call.operation
                inside = f"{path}/{operation.name}" if path else operation.name
                place = found.setdefault(id(operation), Located(operation, [], []))
                if inside not in place.paths:
                    place.paths.append(inside)
                    place.around.extend(around)
                    if inner := graph.inner.get(id(operation)):
                        visit(inner, inside, (*around, (operation, (inside,))))

        visit(self, self.path, ())
        return found


@dataclass(frozen=True, eq=False)
class Located:
    """A layer that is called, or an operation, with all its paths and the models it lies in."""

    layer: Any
    paths: list[str]
    around: list[tuple[Any, tuple[str, ...]]]
