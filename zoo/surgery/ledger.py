"""`Ledger`: what was asked of which place, while it is being done."""

from collections.abc import Sequence
from typing import Any

from ..calls import as_call
from .report import Change, Kind

__all__ = ["Ledger"]

_SHOWN = 8  # of a list in a message


class Ledger:
    """Gathers changes, and says which request has changed nothing."""

    def __init__(self):
        self.changes: list[Change] = []
        self._wanted: dict[str, tuple[str, str]] = {}

    def want(self, request: str, hint: str = "", cause: str = "") -> None:
        """Notes that a request must be met somewhere, and what to say if it is not.

        Args:
            request: a field of `Regularization`, or a rule.
            hint: why there was nothing to refuse, either.
            cause: what there is to say in any case.
        """
        self._wanted[request] = (hint, cause)

    def done(
        self,
        asked: Sequence[str],
        layer: str,
        what: str,
        part: Any,
        *,
        kind: Kind = "layer",
        why: str = "",
    ) -> None:
        """Something was done; it is inactive if there is a `why`."""
        state = "inactive" if why else "applied"
        self.changes.append(Change(tuple(asked), layer, what, as_call(part), kind, state, why))

    def refuse(self, asked: Sequence[str], layer: str, what: str, part: Any, why: str) -> None:
        """Something cannot be done."""
        shown = as_call(part) if part is not None else ""
        self.changes.append(Change(tuple(asked), layer, what, shown, "", "refused", why))

    def check(self) -> None:
        """Raises ValueError for requests that were met nowhere, with what was refused and why."""
        met = {name for c in self.changes if c.state != "refused" for name in c.asked}
        if empty := [request for request in self._wanted if request not in met]:
            raise ValueError("\n".join(map(self._nowhere, empty)))

    def _nowhere(self, request: str) -> str:
        refused = [str(c) for c in self.changes if c.state == "refused" and request in c.asked]
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        reasons = f" Refused: {'; '.join(refused[:_SHOWN])}{more}." if refused else ""
        hint, cause = self._wanted[request]
        said = filter(None, ("" if refused else hint, cause))
        return " ".join([f"{request} changes nothing in this model.{reasons}", *said])
