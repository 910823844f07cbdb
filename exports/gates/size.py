"""Gate `size`: a version is about as large as its weights."""

from pathlib import Path

import tensorflow as tf

from ..saved_model import read_meta_graph
from .gate import ExportCandidate, GateResult, failed, gate, passed

_PARTS = ("*.pb", "variables/*", "assets/**/*")  # the files of a SavedModel
_OVERHEAD = 1.01  # for the checkpoint's index and the padding of its blocks
_GRAPH_BYTES = 2**21  # per signature: about 1,000 layers


@gate("saved_model")
def size(candidate: ExportCandidate) -> GateResult:
    """Fail a weight that is stored twice, or in the graph as a constant.

    The variables may take as many bytes as the model's weights, and everything else 2 MiB per
    signature plus the vocabularies of lookup tables.
    """
    stored = _variable_bytes(candidate.path)
    parts = [path for part in _PARTS for path in candidate.path.glob(part)]
    files = sum(path.stat().st_size for path in parts if path.is_file())
    graph = _GRAPH_BYTES * len(candidate.predictor.signatures) + _vocabularies(candidate.path)
    allowed = int(_OVERHEAD * stored) + graph
    figures = {"bytes": files, "variable_bytes": stored}
    if candidate.weight_bytes is not None and stored > candidate.weight_bytes:
        return failed(
            f"Variables must take at most {candidate.weight_bytes:,} bytes. Received: {stored:,}",
            figures,
        )
    if files > allowed:
        return failed(
            f"The SavedModel must take at most {allowed:,} bytes, with {stored:,} bytes of "
            f"variables. Received: {files:,}. Look for a large constant in the graph",
            figures,
        )
    return passed(f"{files:,} bytes, of which {stored:,} are variables", figures)


def _vocabularies(path: Path) -> int:
    """Return the bytes of the constants that fill lookup tables."""
    functions = read_meta_graph(path).graph_def.library.function
    filling = (f for f in functions if any(n.op == "InitializeTableV2" for n in f.node_def))
    constants = (n for f in filling for n in f.node_def if n.op == "Const")
    return sum(constant.attr["value"].tensor.ByteSize() for constant in constants)


def _variable_bytes(path: Path) -> int:
    if not (path / "variables" / "variables.index").exists():
        return 0
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    return sum(
        tf.TensorShape(shape).num_elements() * dtypes[name].size
        for name, shape in shapes.items()
        if dtypes[name] != tf.string
    )
