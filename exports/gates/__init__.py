"""Gates: the checks that a written model must pass before it is published."""

from .gate import GATES, ExportCandidate, GateResult, gates_for, run_gates

# isort: off
# Importing a module registers its gates. They run in this order, the quick ones first.
from . import purity, parity, size, accuracy, loading, speed  # noqa: F401

__all__ = ["GATES", "ExportCandidate", "GateResult", "gates_for", "run_gates"]
