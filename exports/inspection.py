"""Is the written graph a pure function? No state that changes, no chance, no Python."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorflow.core.protobuf import saved_model_pb2

from .errors import ExportError
from .servable import SIGNATURE

__all__ = ["check_purity"]

_IMPURE = {
    "changes a variable at each request": re.compile(r"Assign|^Resource(Scatter|Apply|Sparse)"),
    "draws random numbers": re.compile(r"Random|TruncatedNormal|Multinomial|^Rng|SampleDistorted"),
    "needs a Python process": re.compile(r"PyFunc"),
}


def check_purity(path: Path) -> None:
    """Refuses a SavedModel that answers the same request differently, or only within Python.

    Args:
        path: the directory of the SavedModel, with the signature `serving_default`.

    Raises:
        ExportError: an operation that the signature reaches, itself or through the functions it
            calls, assigns, is random or calls Python; the message names operation and node.
    """
    saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    for function, node in _reached(saved.meta_graphs[0]):
        for what, pattern in _IMPURE.items():
            if pattern.search(node.op):
                raise ExportError(
                    "Expected a graph that is a pure function of its inputs. Received: operation "
                    f"{node.op} (node {node.name!r} in {function}), which {what}"
                )


def _reached(meta_graph: Any) -> Iterator[tuple[str, Any]]:
    """Every node that the signature can run, with the name of the function it stands in."""
    functions = {f.signature.name: f.node_def for f in meta_graph.graph_def.library.function}
    waiting = [("the signature", node) for node in _signature_nodes(meta_graph)]
    seen: set[str] = set()
    while waiting:
        function, node = waiting.pop()
        yield function, node
        for name in set(_called(node)) & functions.keys() - seen:
            seen.add(name)
            waiting += [(name, inner) for inner in functions[name]]


def _signature_nodes(meta_graph: Any) -> list[Any]:
    """The nodes of the main graph that the signature's outputs depend on.

    Not all nodes: saving and restoring stand beside them and do assign.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    outputs = meta_graph.signature_def[SIGNATURE].outputs.values()
    waiting = [output.name for output in outputs]
    needed: dict[str, Any] = {}
    while waiting:
        name = waiting.pop().lstrip("^").split(":")[0]
        if name not in needed:
            needed[name] = nodes[name]
            waiting += nodes[name].input
    return list(needed.values())


def _called(node: Any) -> Iterator[str]:
    for attribute in node.attr.values():
        yield attribute.func.name
        yield from (function.name for function in attribute.list.func)
