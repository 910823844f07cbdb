"""`SurgeryReport`: the requests, changes and refusals of `regularize`."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

import keras

from ...core.text_table import table
from ..augmentation import Pipeline
from ..calls import as_call, config_of

PartKind = Literal["penalty", "constraint", "activity", "layer", ""]
State = Literal["applied", "inactive", "refused"]


@dataclass(frozen=True, eq=False)
class SurgeryReport:
    """The requests, changes and refusals of `zoo.regularize`; `print(report)` shows them.

    The values of penalties are computed from the current weights.

    Args:
        model: The new model.
        changes: One change for each request and place.
        penalties: All penalties on weights of the new model.
        batch_augmentation: A layer over batches `(x, y)` for `zoo.augmentation.augment`, with mixup
            and label smoothing, or `None`.
    """

    model: keras.Model
    changes: "tuple[SurgeryChange, ...]"
    penalties: "tuple[WeightPenalty, ...]"
    batch_augmentation: Pipeline | None = None

    @property
    def requested(self) -> int:
        """The number of requests, counted at each place."""
        return len(self.changes)

    @property
    def applied(self) -> "tuple[SurgeryChange, ...]":
        """The changes made, including the inactive ones."""
        return tuple(change for change in self.changes if change.state != "refused")

    @property
    def inactive(self) -> "tuple[SurgeryChange, ...]":
        """The penalties on frozen weights, without effect until the weights are trained."""
        return tuple(change for change in self.changes if change.state == "inactive")

    @property
    def refused(self) -> "tuple[SurgeryChange, ...]":
        """The changes not made."""
        return tuple(change for change in self.changes if change.state == "refused")

    def rows(self) -> "list[TableRow]":
        """Return each penalty on a weight, with its current value and its share of the total."""
        trainable = {id(weight) for weight in self.model.trainable_weights}
        active = [id(penalty.variable) in trainable for penalty in self.penalties]
        values = [p.value if on else 0.0 for p, on in zip(self.penalties, active, strict=True)]
        total = sum(values) or 1.0
        rows = []
        for penalty, value, on in zip(self.penalties, values, active, strict=True):
            names, strengths = _terms(penalty.variable.regularizer)
            of = " + ".join(names), ", ".join(filter(None, strengths))
            state = ("" if penalty.new else "kept") if on else "inactive: frozen"
            rows.append(TableRow(penalty.layer, penalty.name, *of, value, value / total, state))
        return rows

    def table(self) -> str:
        """Return the penalties on weights as text in 80 columns."""
        rows = self.rows()
        if not rows:
            return "No weight has a penalty."
        terms = [_terms(penalty.variable.regularizer) for penalty in self.penalties]
        cells = [
            (row.layer, row.variable, *of, f"{100 * row.share:5.1f}%", row.state)
            for row, of in zip(rows, terms, strict=True)
        ]
        return f"{_lay_out(cells)}\ntotal penalty: {sum(row.value for row in rows):.6g}"

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Plot the shares of the penalties into a file; its suffix is the format."""
        from .figure import draw  # matplotlib is slow to import

        draw(self, path)

    def __str__(self) -> str:
        return "\n\n".join(filter(None, self._sections()))

    def _sections(self) -> Iterator[str]:
        applied = f"{len(self.applied)} applied ({len(self.inactive)} inactive)"
        yield f"{self.requested} requested, {applied}, {len(self.refused)} refused"
        by_request: dict[str, Counter[str]] = {}
        for change in self.changes:
            for name in change.asked:
                by_request.setdefault(name, Counter())[change.state] += 1
        states: tuple[State, ...] = ("applied", "inactive", "refused")
        rows = [(name, *(count[state] for state in states)) for name, count in by_request.items()]
        yield table(("asked for by", *states), rows)
        yield self.table()
        layers = [(c.layer, c.what, c.part) for c in self.applied if c.kind == "layer"]
        yield table(("layer", "where", "what"), layers) if layers else ""
        refused = [f"  {change}" for change in self.refused]
        yield "\n".join(["Refused:", *refused]) if refused else ""
        yield "The model is not compiled: compile it next; its optimizer starts anew."


@dataclass(frozen=True)
class SurgeryChange:
    """One request at one place.

    Args:
        asked: The fields of `Regularization`, or the rule, that request it.
        layer: The path of the layer.
        what: The name of the weight, or the place of a new layer.
        part: The penalty, constraint or layer, as a call of its constructor.
        kind: The kind of `part`, or `""` if refused.
        state: `"applied"`, `"inactive"` (on a frozen weight) or `"refused"`.
        why: The reason for an inactive or refused change.
    """

    asked: tuple[str, ...]
    layer: str
    what: str
    part: str
    kind: PartKind = ""
    state: State = "applied"
    why: str = ""

    def __str__(self) -> str:
        place = f"{self.layer} {self.what}" if self.what else self.layer
        return f"{place}: {self.part or ', '.join(self.asked)}: {self.why}"


@dataclass(frozen=True, eq=False)
class WeightPenalty:
    """A penalty on a weight of the new model.

    Args:
        layer: The path of the layer.
        name: The name of the weight within the layer: `query/kernel`.
        variable: The weight.
        new: Whether the original did not have it.
    """

    layer: str
    name: str
    variable: Any
    new: bool

    @property
    def value(self) -> float:
        """The current value."""
        return float(keras.ops.convert_to_numpy(self.variable.regularizer(self.variable)))


class TableRow(NamedTuple):
    """A row of `SurgeryReport.rows`."""

    layer: str
    variable: str
    penalty: str
    strength: str
    value: float
    share: float
    state: str


class Ledger:
    """The record of changes, which finds the requests that change nothing."""

    _SHOWN = 8  # of a list in a message

    def __init__(self):
        self.changes: list[SurgeryChange] = []
        self._wanted: dict[str, tuple[str, str]] = {}

    def want(self, request: str, hint: str = "", cause: str = "") -> None:
        """Note that a request must change something, with advice in case it does not.

        The `hint` is for a request without refusals, the `cause` for any.
        """
        self._wanted[request] = (hint, cause)

    def done(
        self,
        asked: Sequence[str],
        layer: str,
        what: str,
        part: Any,
        *,
        kind: PartKind = "layer",
        why: str = "",
    ) -> None:
        """Record a change; it is inactive if there is a `why`."""
        state = "inactive" if why else "applied"
        self.changes.append(
            SurgeryChange(tuple(asked), layer, what, as_call(part), kind, state, why)
        )

    def refuse(self, asked: Sequence[str], layer: str, what: str, part: Any, why: str) -> None:
        """Record a refused change."""
        shown = as_call(part) if part is not None else ""
        self.changes.append(SurgeryChange(tuple(asked), layer, what, shown, "", "refused", why))

    def check(self) -> None:
        """Raise a `ValueError` for requests that change nothing, with the refusals."""
        applied = {name for c in self.changes if c.state != "refused" for name in c.asked}
        if unmet := [request for request in self._wanted if request not in applied]:
            raise ValueError("\n".join(map(self._unmet_message, unmet)))

    def _unmet_message(self, request: str) -> str:
        refused = [str(c) for c in self.changes if c.state == "refused" and request in c.asked]
        hidden = len(refused) - self._SHOWN
        more = f" and {hidden} more" if hidden > 0 else ""
        reasons = f" Refused: {'; '.join(refused[: self._SHOWN])}{more}." if refused else ""
        hint, cause = self._wanted[request]
        advice = filter(None, ("" if refused else hint, cause))
        return " ".join([f"{request} changes nothing in this model.{reasons}", *advice])


def _terms(regularizer: Any) -> tuple[list[str], list[str]]:
    """Return the names and the nonzero strengths of the terms of a penalty.

    >>> from occam.zoo.regularizers import L1L2, Orthogonal, Sum
    >>> _terms(Sum([L1L2(l2=0.001), Orthogonal(0.1)]))
    (['L1L2', 'Orthogonal'], ['l2=0.001', 'factor=0.1'])
    """
    terms = getattr(regularizer, "terms", [regularizer])
    # The penalty on the logit of a ConcreteDropout is a method.
    names = [getattr(term, "__qualname__", type(term).__name__) for term in terms]
    strengths = [
        ", ".join(f"{k}={v:g}" for k, v in config.items() if isinstance(v, float) and v)
        for config in (config_of(term) or {} for term in terms)
    ]
    return names, strengths


_WIDTH, _GAP, _LEAST = 80, 2, 16
_HEAD = ("layer", "variable", "penalty", "strength", "share", "state")


def _lay_out(rows: Sequence[tuple[str, str, Sequence[str], Sequence[str], str, str]]) -> str:
    """Return the table of penalties in 80 columns.

    Each term takes a line. Long paths are broken after a slash or an underscore.
    """
    head = _HEAD if any(row[5] for row in rows) else _HEAD[:5]
    others = zip(*[([p], n, s, [share], [state]) for _, p, n, s, share, state in rows], strict=True)
    widths = [
        max(map(len, [title, *(line for lines in column for line in lines)]))
        for title, column in zip(head[1:], others, strict=False)
    ]
    free = _WIDTH - sum(widths[1:]) - _GAP * (len(head) - 1)
    of_variable = min(widths[0], max(free // 2, _LEAST))
    of_layer = max(free - of_variable, _LEAST)
    lines = [
        line[: len(head)]
        for layer, variable, names, strengths, share, state in rows
        for line in zip_longest(
            _broken(layer, of_layer),
            _broken(variable, of_variable),
            *(names, strengths, [share], [state]),
            fillvalue="",
        )
    ]
    return table(head, lines)


def _broken(path: str, width: int) -> list[str]:
    """Break a path into lines: `["backbone/", "  block_one/", "  conv"]`."""
    lines, line = [], ""
    for piece in re.split("(?<=[/_])", path):
        if line.strip() and len(line) + len(piece) > width:
            lines.append(line)
            line = "  "
        line += piece
    return [*lines, line]
