"""`GateResult`: what one gate found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["GateResult"]


@dataclass(frozen=True)
class GateResult:
    """What one gate found.

    Args:
        name: of the gate.
        passed: whether the candidate may be served, as far as this gate sees.
        detail: one sentence: what was looked at, or what was expected and what received.
        figures: what was measured, JSON numbers by name.
    """

    name: str
    passed: bool
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As `blessing.json` holds it."""
        return asdict(self)
