"""What a written model must show before anybody is served by it: one gate a file."""

from .candidate import Candidate
from .result import GateResult
from .run import GATES, run_gates

__all__ = ["GATES", "Candidate", "GateResult", "run_gates"]
