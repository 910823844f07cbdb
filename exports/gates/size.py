"""Gate `size`: is it as large as its weights, and not larger?"""

from pathlib import Path

import tensorflow as tf

from ..saved_model import read_meta_graph
from .candidate import Candidate
from .result import GateResult

__all__ = ["check"]

NAME = "size"
_PARTS = ("*.pb", "variables/*", "assets/**/*")  # of a SavedModel; what else is there is no weight
_SHARE = 1.01  # the checkpoint's index, and what aligns its blocks
_GRAPH = 2**21  # of a signature: what 1,000 layers take


def check(candidate: Candidate) -> GateResult:
    """Fails a weight that was written twice, or into the graph, as a constant.

    The stored variables may hold as many bytes as the model's, and the graph and everything else 2
    MiB a signature, besides the vocabularies of lookup tables.
    """
    stored = _stored(candidate.path)
    parts = [path for part in _PARTS for path in candidate.path.glob(part)]
    files = sum(path.stat().st_size for path in parts if path.is_file())
    graph = _GRAPH * len(candidate.predictor.signatures) + _vocabularies(candidate.path)
    allowed = int(_SHARE * stored) + graph
    figures = {"bytes": files, "variable_bytes": stored}
    if candidate.weight_bytes is not None and stored > candidate.weight_bytes:
        detail = (
            f"Expected at most {candidate.weight_bytes:,} bytes of variables, as the model has. "
            f"Received: {stored:,}"
        )
        return GateResult(NAME, False, detail, figures)
    if files > allowed:
        detail = (
            f"Expected at most {allowed:,} bytes for {stored:,} bytes of variables. Received: "
            f"{files:,}; is there a large constant in the graph?"
        )
        return GateResult(NAME, False, detail, figures)
    detail = f"{files:,} bytes, of which {stored:,} are variables"
    return GateResult(NAME, True, detail, figures)


def _vocabularies(path: Path) -> int:
    """Bytes of the constants that lookup tables are filled with."""
    functions = read_meta_graph(path).graph_def.library.function
    filling = (f for f in functions if any(n.op == "InitializeTableV2" for n in f.node_def))
    constants = (n for f in filling for n in f.node_def if n.op == "Const")
    return sum(constant.attr["value"].tensor.ByteSize() for constant in constants)


def _stored(path: Path) -> int:
    if not (path / "variables" / "variables.index").exists():
        return 0
    reader = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    return sum(
        tf.TensorShape(shape).num_elements() * dtypes[name].size
        for name, shape in shapes.items()
        if dtypes[name] != tf.string
    )
