"""Gate `purity`: is the graph a pure function? No state that changes, no chance, no Python."""

import re
from collections.abc import Iterator
from typing import Any

from ..saved_model import read_meta_graph
from .candidate import Candidate
from .result import GateResult

__all__ = ["check"]

NAME = "purity"

_IMPURE = {
    "changes a variable at each request": re.compile(r"Assign|^Resource(Scatter|Apply|Sparse)"),
    "changes a lookup table at each request": re.compile(r"^LookupTable(Insert|Import|Remove)"),
    "draws random numbers": re.compile(r"Random|TruncatedNormal|Multinomial|^Rng|SampleDistorted"),
    "needs a Python process": re.compile(r"PyFunc"),
}
_SEEDED = re.compile(r"^Stateless")


def check(candidate: Candidate) -> GateResult:
    """Fails what answers the same request differently, or only within Python.

    No operation that a signature reaches, itself or through the functions it calls, may assign, be
    random or call Python. Random ones that keep no state of their own are allowed in a signature
    with an input `seed`.
    """
    meta_graph = read_meta_graph(candidate.path)
    looked_at = 0
    for signature, definition in sorted(meta_graph.signature_def.items()):
        for function, node in _reached(meta_graph, definition):
            looked_at += 1
            what = _impurity(node.op, seeded="seed" in definition.inputs)
            if what:
                return GateResult(
                    NAME,
                    False,
                    f"Expected {signature!r} to be a pure function of its inputs. Received: "
                    f"operation {node.op} (node {node.name!r} in {function}), which {what}",
                )
    detail = "no operation assigns, draws without a seed or calls Python"
    return GateResult(NAME, True, detail, {"operations": looked_at})


def _impurity(op: str, seeded: bool) -> str | None:
    if seeded and _SEEDED.search(op):
        return None
    return next((what for what, pattern in _IMPURE.items() if pattern.search(op)), None)


def _reached(meta_graph: Any, definition: Any) -> Iterator[tuple[str, Any]]:
    """Every node that a signature can run, with the name of the function it stands in."""
    functions = {f.signature.name: f.node_def for f in meta_graph.graph_def.library.function}
    waiting = [("the signature", node) for node in _signature_nodes(meta_graph, definition)]
    seen: set[str] = set()
    while waiting:
        function, node = waiting.pop()
        yield function, node
        for name in set(_called(node)) & functions.keys() - seen:
            seen.add(name)
            waiting += [(name, inner) for inner in functions[name]]


def _signature_nodes(meta_graph: Any, definition: Any) -> list[Any]:
    """The nodes of the main graph that the signature's outputs depend on.

    Not all nodes: saving and restoring stand beside them and do assign.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    waiting = [output.name for output in definition.outputs.values()]
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
