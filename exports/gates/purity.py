"""Gates against randomness, state, and the influence of other rows."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..saved_model import read_meta_graph
from .gate import ExportCandidate, GateResult, failed, gate, passed
from .sample import difference, sample, tolerance

_IMPURE = {
    "changes a variable at each request": re.compile(r"Assign|^Resource(Scatter|Apply|Sparse)"),
    "changes a lookup table at each request": re.compile(r"^LookupTable(Insert|Import|Remove)"),
    "draws random numbers": re.compile(r"Random|TruncatedNormal|Multinomial|^Rng|SampleDistorted"),
    "needs a Python process": re.compile(r"PyFunc"),
}
_SEEDED = re.compile(r"^Stateless")
_ROUNDING = 1e-6  # threads may sum in another order
_BATCH, _SMALLER_BATCHES = 64, (1, 3)


@gate("saved_model")
def purity(candidate: ExportCandidate) -> GateResult:
    """Fail a graph with operations that assign, draw random numbers or call Python.

    The search follows the functions that a signature calls. A signature with an input `seed` may
    draw random numbers by stateless operations.
    """
    meta_graph = read_meta_graph(candidate.path)
    operations = 0
    for signature, definition in sorted(meta_graph.signature_def.items()):
        for function, node in _reached(meta_graph, definition):
            operations += 1
            if "seed" in definition.inputs and _SEEDED.search(node.op):
                continue
            for effect, pattern in _IMPURE.items():
                if pattern.search(node.op):
                    return failed(
                        f"{signature!r} must be a pure function of its inputs. Received: "
                        f"operation {node.op} (node {node.name!r} in {function}), which {effect}"
                    )
    return passed(
        "no operation assigns, draws without a seed or calls Python", {"operations": operations}
    )


@gate("saved_model", "exact_format", "approximate_format")
def determinism(candidate: ExportCandidate) -> GateResult:
    """Fail a signature that answers three equal requests differently."""
    predictor = candidate.predictor
    for signature in predictor.signatures:
        features = sample(predictor, signature, rows=3)
        first, *others = [predictor.call(signature, **features) for _ in range(3)]
        for other in others:
            if found := difference(other, first, _ROUNDING, predictor.head):
                return failed(f"{signature!r} must answer equal requests alike. Received: {found}")
    return passed("3 equal requests got the same answer")


@gate("saved_model")
def state(candidate: ExportCandidate) -> GateResult:
    """Fail if a request to any signature changes a variable."""
    predictor = candidate.predictor
    signatures = predictor.runtime.model.signatures.values()
    variables = {id(v): v for signature in signatures for v in signature.graph.variables}.values()
    before = [variable.numpy() for variable in variables]
    for signature in predictor.signatures:
        predictor.call(signature, **sample(predictor, signature, rows=3))
    for variable, old in zip(variables, before, strict=True):
        if not np.array_equal(variable.numpy(), old, equal_nan=old.dtype.kind == "f"):
            return failed(f"No request may change a variable. Received: {variable.name!r}, changed")
    return passed("no request changed a variable", {"variables": len(variables)})


@gate("saved_model", "exact_format", "approximate_format")
def batches(candidate: ExportCandidate) -> GateResult:
    """Fail a signature whose answer for a row depends on the other rows of the batch.

    Batches of 1, 3 and 64 rows are compared. Batch normalization in training mode fails, as does
    any other statistic of the batch.
    """
    predictor = candidate.predictor
    allowed = tolerance(candidate.precision)
    for signature in predictor.signatures:
        features = sample(predictor, signature, _BATCH)
        whole = predictor.call(signature, **features)
        for rows in _SMALLER_BATCHES:
            some = {name: array[:rows] for name, array in features.items()}
            answer = predictor.call(signature, **some)
            if found := difference(answer, whole, allowed, predictor.head, rows):
                return failed(
                    f"{signature!r} must answer {rows} rows as it does among {_BATCH}. "
                    f"Received: {found}"
                )
    return passed("batches of 1, 3 and 64 rows agree")


def _reached(meta_graph: Any, definition: Any) -> Iterator[tuple[str, Any]]:
    """Yield every node that a signature can run, after the name of the function around it."""
    functions = {f.signature.name: f.node_def for f in meta_graph.graph_def.library.function}
    waiting = [("the signature", node) for node in _signature_nodes(meta_graph, definition)]
    seen: set[str] = set()
    while waiting:
        function, node = waiting.pop()
        yield function, node
        called = {f.name for a in node.attr.values() for f in (a.func, *a.list.func)}
        for name in called & functions.keys() - seen:
            seen.add(name)
            waiting += [(name, inner) for inner in functions[name]]


def _signature_nodes(meta_graph: Any, definition: Any) -> list[Any]:
    """Return the nodes of the main graph that compute the outputs; others save and restore."""
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    waiting = [output.name for output in definition.outputs.values()]
    needed: dict[str, Any] = {}
    while waiting:
        name = waiting.pop().lstrip("^").split(":")[0]
        if name not in needed:
            needed[name] = nodes[name]
            waiting += nodes[name].input
    return list(needed.values())
