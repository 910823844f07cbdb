"""`SurgeryReport`: what was asked of a model, what was done, and what was refused."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import keras

from ...core.text_table import table
from ..augmentation import Pipeline
from ..calls import config_of
from .layout import lay_out

__all__ = ["Change", "Kind", "Penalty", "SurgeryReport", "TableRow", "described"]

Kind = Literal["penalty", "constraint", "activity", "layer", ""]
State = Literal["applied", "inactive", "refused"]


@dataclass(frozen=True)
class Change:
    """One thing that was asked of one place.

    Args:
        asked: by what: fields of `Regularization`, or the pattern of a rule.
        layer: the path of the layer.
        what: the name of the weight, or where a layer was put.
        part: the penalty, constraint or layer, as the call that makes it.
        kind: which of these; empty for what was refused.
        state: `applied`; `inactive`, applied to a weight that is frozen; or `refused`.
        why: why it is not `applied`.
    """

    asked: tuple[str, ...]
    layer: str
    what: str
    part: str
    kind: Kind = ""
    state: State = "applied"
    why: str = ""

    def __str__(self) -> str:
        place = f"{self.layer} {self.what}" if self.what else self.layer
        return f"{place}: {self.part or ', '.join(self.asked)}: {self.why}"


class TableRow(NamedTuple):
    """A row of `SurgeryReport.rows`."""

    layer: str
    variable: str
    penalty: str
    strength: str
    value: float
    share: float
    state: str


@dataclass(frozen=True, eq=False)
class Penalty:
    """A penalty on a weight of the new model.

    Args:
        layer: the path of the layer that is called.
        name: of the weight, after those of the layers inside of it: `query/kernel`.
        variable: the weight.
        new: whether it was asked for; the others the original had already.
    """

    layer: str
    name: str
    variable: Any
    new: bool

    @property
    def value(self) -> float:
        """What it costs at present."""
        return float(keras.ops.convert_to_numpy(self.variable.regularizer(self.variable)))


@dataclass(frozen=True, eq=False)
class SurgeryReport:
    """What `zoo.regularize` was asked for, what it did, and what it refused.

    `print(report)` shows all of it. The figures of the penalties are those of the new model at the
    time of asking, so that the report of a model that was trained tells what its penalties cost.

    Args:
        model: the new model.
        changes: one thing asked of one place each.
        penalties: all penalties on weights of the new model.
        front: a layer over batches `(x, y)`, for `zoo.augmentation.augment`: what was asked for
            that needs the labels, and so cannot be inside of the model; `None` if nothing was.
    """

    model: keras.Model
    changes: tuple[Change, ...]
    penalties: tuple[Penalty, ...]
    front: Pipeline | None = None

    @property
    def requested(self) -> int:
        """How many things were asked for, each at each place."""
        return len(self.changes)

    @property
    def applied(self) -> tuple[Change, ...]:
        """What was done; what is inactive for the time being is part of it."""
        return tuple(change for change in self.changes if change.state != "refused")

    @property
    def inactive(self) -> tuple[Change, ...]:
        """What was done to weights that are frozen: they have no penalty until they are not."""
        return tuple(change for change in self.changes if change.state == "inactive")

    @property
    def refused(self) -> tuple[Change, ...]:
        """What was not done, and why."""
        return tuple(change for change in self.changes if change.state == "refused")

    def rows(self) -> list[TableRow]:
        """Each penalty on a weight, with what it costs at present and its share of the total."""
        trainable = {id(weight) for weight in self.model.trainable_weights}
        active = [id(penalty.variable) in trainable for penalty in self.penalties]
        values = [penalty.value for penalty in self.penalties]
        total = sum(value for value, on in zip(values, active, strict=True) if on)
        return [
            TableRow(
                penalty.layer,
                penalty.name,
                *described(penalty.variable.regularizer),
                value if on else 0.0,
                value / total if on and total else 0.0,
                ("" if penalty.new else "kept") if on else "inactive: frozen",
            )
            for penalty, value, on in zip(self.penalties, values, active, strict=True)
        ]

    def table(self) -> str:
        """The penalties on weights: layer, variable, penalty, strength, share of the total."""
        rows = self.rows()
        if not rows:
            return "No weight has a penalty."
        terms = [_terms(penalty.variable.regularizer) for penalty in self.penalties]
        cells = [
            (row.layer, row.variable, *of, f"{100 * row.share:5.1f}%", row.state)
            for row, of in zip(rows, terms, strict=True)
        ]
        total = sum(row.value for row in rows)
        return f"{lay_out(cells)}\ntotal penalty: {total:.6g}"

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Writes the shares of the penalties as a picture, in the format of the path's suffix."""
        from .picture import draw  # matplotlib is slow to import

        draw(self, path)

    def __str__(self) -> str:
        return "\n\n".join(filter(None, self._sections()))

    def _sections(self) -> Iterator[str]:
        counts = f"{self.requested} requested, {len(self.applied)} applied"
        yield f"{counts} ({len(self.inactive)} inactive), {len(self.refused)} refused"
        yield table(("asked for by", "applied", "inactive", "refused"), self._counts())
        yield self.table()
        layers = [(c.layer, c.what, c.part) for c in self.applied if c.kind == "layer"]
        yield table(("layer", "where", "what"), layers) if layers else ""
        yield _listed("Refused", [str(change) for change in self.refused])
        yield "The model is not compiled: compile it next; its optimizer starts anew."

    def _counts(self) -> list[tuple[str | int, ...]]:
        """How often each request was met."""
        states: tuple[State, ...] = ("applied", "inactive", "refused")
        counts: dict[str, Counter[str]] = {}
        for change in self.changes:
            for name in change.asked:
                counts.setdefault(name, Counter())[change.state] += 1
        return [(name, *map(count.__getitem__, states)) for name, count in counts.items()]


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)]) if lines else ""


def described(regularizer: Any) -> tuple[str, str]:
    """The name of a penalty and its strengths, those that are 0 left out.

    >>> from occam.zoo.regularizers import L1L2, Orthogonal, Sum
    >>> described(Sum([L1L2(l2=0.001), Orthogonal(0.1)]))
    ('L1L2 + Orthogonal', 'l2=0.001, factor=0.1')
    """
    names, strengths = _terms(regularizer)
    return " + ".join(names), ", ".join(filter(None, strengths))


def _terms(regularizer: Any) -> tuple[list[str], list[str]]:
    """The names of the terms of a penalty, and the strengths of each."""
    terms = getattr(regularizer, "terms", [regularizer])
    configs = [config_of(term) or {} for term in terms]
    return list(map(_name, terms)), list(map(_strengths, configs))


def _strengths(config: dict[str, Any]) -> str:
    given = ((name, value) for name, value in config.items() if isinstance(value, float) and value)
    return ", ".join(f"{name}={value:g}" for name, value in given)


def _name(term: Any) -> str:
    # The logit of a ConcreteDropout has a method as its penalty.
    return getattr(term, "__qualname__", type(term).__name__)
