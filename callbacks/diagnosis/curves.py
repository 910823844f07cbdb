"""`Curves`: the losses of a training, smoothed and put in units of what there is to learn."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["NAMES", "Curves"]

# In the order in which they are looked for.
_TRAINING = ("clean_loss", "data_loss", "loss")
_VALIDATION = ("val_data_loss", "val_loss")
NAMES = (*_TRAINING, *_VALIDATION, "penalty", "gap_accuracy")

# Single epochs jump. Medians of up to five neighbors remove a jump and keep a bend; a short curve
# has no epochs to spare.
_WINDOW = 5

# From how many epochs on the noise of a curve can be told from its bends.
_MANY = 20

# What a curve does "at the end" is judged by its last quarter.
_END = 0.75

_NOTES = {
    "data_loss": "clean_loss is not logged: data_loss is taken with dropout and augmentation on "
    "and while the weights still moved, so that it is too high and the gap too small.",
    "loss": "Neither clean_loss nor data_loss is logged: loss is taken with dropout and "
    "augmentation on, and contains the penalties if there are any.",
    "val_loss": "val_data_loss is not logged: val_loss contains the penalties if there are any.",
}


@dataclasses.dataclass(frozen=True)
class Curves:
    """Training and validation loss over the epochs that have both, and what follows from them.

    Values are in units of what there is to learn: 1 is the baseline's loss, 0 is the irreducible
    one; of the deviance, 1 - value is explained. For a cross-entropy this is McFadden's pseudo
    R^2, for a squared error R^2.

    Args:
        epochs: counted from 0.
        train: smoothed, in these units.
        validation: smoothed, in these units.
        baseline: the loss that is 1.
        irreducible: the loss that is 0.
        share: regularization's part of the training loss at the end, from 0 to 1: the penalty,
            and what dropout and augmentation add to the clean loss; `None` if it is not logged.
        penalty_share: the penalty's part alone, or `None`.
        gap_accuracy: the last one, or `None`.
        noise: standard deviation of the validation loss from one epoch to the next, in these
            units; 0 for a short curve.
        broken: the first of the epochs at the end that are not finite, or `None`.
        notes: on what the curves are of.
    """

    epochs: tuple[int, ...]
    train: tuple[float, ...]
    validation: tuple[float, ...]
    baseline: float
    irreducible: float
    share: float | None
    penalty_share: float | None
    gap_accuracy: float | None
    noise: float
    broken: int | None
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        history: Mapping[str, Sequence[Any]],
        *,
        baseline: float,
        irreducible: float,
        noisy: bool = True,
    ) -> "Curves":
        """The curves of a history; `diagnose` documents the arguments and errors."""
        _check(history, baseline, irreducible)
        train_name, validation_name = _found(history, _TRAINING), _found(history, _VALIDATION)
        pairs = zip(history[train_name], history[validation_name], strict=True)
        rows = [(i, *map(float, pair)) for i, pair in enumerate(map(_filled, pairs)) if pair]
        if not rows:
            raise ValueError(
                f"diagnose needs an epoch with both {train_name!r} and {validation_name!r}. "
                "Received: none"
            )
        finite = [row for row in rows if all(map(math.isfinite, row))]
        last = finite[-1][0] if finite else -1
        lost = sum(row[0] < last for row in rows) + 1 - len(finite) if finite else 0
        notes = [_NOTES[name] for name in (train_name, validation_name) if name in _NOTES]
        if lost:
            notes.append(f"Left out, because not finite: {lost} of the epochs before the last.")
        unit = baseline - irreducible
        train, validation = (
            [(row[column] - irreducible) / unit for row in finite] for column in (1, 2)
        )
        share, penalty_share = _shares(history, noisy)
        return cls(
            epochs=tuple(row[0] for row in finite),
            train=_smooth(train),
            validation=_smooth(validation),
            baseline=baseline,
            irreducible=irreducible,
            share=share,
            penalty_share=penalty_share,
            gap_accuracy=_last(history, "gap_accuracy"),
            noise=_noise(validation),
            broken=next((row[0] for row in rows if row[0] > last), None),
            notes=tuple(notes),
        )

    @property
    def best(self) -> int:
        """Where the validation loss is least."""
        return self.validation.index(min(self.validation))

    @property
    def best_epoch(self) -> int | None:
        """The epoch of the least validation loss."""
        return self.epochs[self.best] if self.epochs else None

    @property
    def rise(self) -> float:
        """Of the validation loss, from its least value to its last."""
        return self.validation[-1] - self.validation[self.best]

    @property
    def train_rise(self) -> float:
        """Of the training loss, from its least value to its last."""
        return self.train[-1] - min(self.train)

    @property
    def gap(self) -> float:
        """Validation minus training, at the end."""
        return self.validation[-1] - self.train[-1]

    @property
    def gap_growth(self) -> float:
        """Of the gap, from the best epoch to the last."""
        return self.gap - (self.validation[self.best] - self.train[self.best])

    @property
    def fall(self) -> float:
        """Of the validation loss, in the last quarter of the epochs."""
        return self.validation[int(_END * (len(self.validation) - 1))] - self.validation[-1]

    def loss(self, value: float) -> str:
        """A value in the units of the loss, for people."""
        return f"{self.irreducible + value * (self.baseline - self.irreducible):.4g}"

    def difference(self, value: float) -> str:
        """A difference of values in the units of the loss, for people."""
        return f"{value * (self.baseline - self.irreducible):.4g}"


def _check(history: Mapping[str, Sequence[Any]], baseline: Any, irreducible: Any) -> None:
    numbers = [isinstance(n, int | float) and math.isfinite(n) for n in (baseline, irreducible)]
    if not all(numbers) or not baseline > irreducible or math.isinf(baseline - irreducible):
        raise ValueError(
            "diagnose: `baseline` must be a finite number above `irreducible`. "
            f"Received: baseline={baseline!r}, irreducible={irreducible!r}"
        )
    lengths = {name: len(history[name]) for name in NAMES if name in history}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "diagnose needs a value (or None) of each name for each epoch. Received: "
            + ", ".join(f"{name} {length}" for name, length in lengths.items())
        )


def _found(history: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        if name in history:
            return name
    cure = {
        _TRAINING: "put LossLedger before it (clean_loss with `clean=`)",
        _VALIDATION: "give `fit` validation_data, and put LossLedger before it",
    }[tuple(names)]
    raise ValueError(
        f"diagnose needs {' or '.join(map(repr, names))} of each epoch: {cure}. "
        f"Logged: {', '.join(sorted(history)) or 'nothing'}"
    )


def _filled(pair: tuple[Any, Any]) -> tuple[Any, ...]:
    """The pair; nothing if one is not given, unless the other one says that training diverged."""
    given = [value for value in pair if value is not None]
    if len(given) == 1 and not math.isfinite(given[0]):
        return (given[0], given[0])
    return pair if len(given) == 2 else ()


def _smooth(values: list[float]) -> tuple[float, ...]:
    """Medians of up to `_WINDOW` neighbors, fewer at both ends."""
    reach = min(_WINDOW, len(values) // 4 | 1) // 2
    return tuple(
        statistics.median(values[max(0, i - reach) : i + reach + 1]) for i in range(len(values))
    )


def _noise(values: list[float]) -> float:
    """From second differences, of which a trend is no part; their median, which a bend leaves."""
    if len(values) < _MANY:
        return 0.0
    before, here, after = values[:-2], values[1:-1], values[2:]
    bends = [abs(a - 2 * b + c) for a, b, c in zip(before, here, after, strict=True)]
    # 0.6745: the median of |z| for a standard normal z; 1 + 4 + 1: the variance of a bend.
    return statistics.median(bends) / (0.6745 * math.sqrt(6))


def _last(history: Mapping[str, Sequence[Any]], name: str) -> float | None:
    """The last finite value."""
    finite = [v for v in history.get(name, ()) if v is not None and math.isfinite(v)]
    return float(finite[-1]) if finite else None


def _before_last(history: Mapping[str, Sequence[Any]], name: str) -> float | None:
    """The value at the beginning of the last epoch, if it is finite.

    The data loss of an epoch is of samples that were last learned from an epoch ago: without
    dropout and augmentation it is about the clean loss before the epoch, and not that after it.
    """
    values = [float(v) for v in history.get(name, ())[-2:] if v is not None]
    return values[0] if len(values) == 2 and math.isfinite(values[0]) else None


def _shares(history: Mapping[str, Sequence[Any]], noisy: bool) -> tuple[float | None, float | None]:
    """Of the training loss at the end: all of regularization, and the penalty alone."""
    loss, data, penalty = (_last(history, name) for name in ("loss", "data_loss", "penalty"))
    clean = _before_last(history, "clean_loss")
    if penalty is None and loss is not None and data is not None:
        penalty = loss - data
    if data is None or penalty is None:
        return None, None
    total = data + penalty
    if not (total > 0 and math.isfinite(total)):
        return None, None
    known = noisy and clean is not None and math.isfinite(data - clean)
    noise = max(0.0, data - clean) if known else 0.0
    every, alone = (min(1.0, max(0.0, part / total)) for part in (penalty + noise, penalty))
    return every, alone
