"""The loss curves of a training, smoothed and scaled."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

# Names in `history`, by preference.
_TRAINING = ("train_eval_loss", "data_loss", "loss")
_VALIDATION = ("val_data_loss", "val_loss")
NAMES = (*_TRAINING, *_VALIDATION, "penalty", "gap_accuracy")

# Medians of up to five neighbors remove the jump of a single epoch and keep a bend. A short curve
# takes fewer.
_WINDOW = 5

# The minimum number of epochs to tell the noise of a curve from its bends.
_MANY = 20

# The end of a curve is its last quarter.
_END = 0.75

_NOTES = {
    "data_loss": "train_eval_loss is not logged. data_loss, used instead, is computed with dropout "
    "and augmentation while the weights change: it is too high, and the gap too small.",
    "loss": "Neither train_eval_loss nor data_loss is logged. loss, used instead, is computed with "
    "dropout and augmentation, and contains the penalties, if any.",
    "val_loss": "val_data_loss is not logged. val_loss, used instead, contains the penalties, if "
    "any.",
}


@dataclasses.dataclass(frozen=True)
class Curves:
    """Training and validation loss of the epochs that have both, and derived values.

    Losses are scaled: 1 is the baseline, 0 the irreducible loss, and 1 - value the explained part
    (McFadden's pseudo R^2 for a cross-entropy, R^2 for a squared error).
    """

    epochs: tuple[int, ...]  # from 0
    train: tuple[float, ...]  # smoothed
    validation: tuple[float, ...]  # smoothed
    baseline: float
    irreducible: float
    share: float | None  # of penalties, dropout and augmentation in the last training loss
    penalty_share: float | None  # of the penalties alone
    gap_accuracy: float | None  # the last one
    noise: float  # standard deviation of the validation loss between epochs; 0 for a short curve
    broken: int | None  # first of the epochs at the end that are not finite
    notes: tuple[str, ...]  # sentences about fallbacks and missing epochs
    regression: bool

    @classmethod
    def of(
        cls,
        history: Mapping[str, Sequence[Any]],
        baseline: float,
        irreducible: float,
        noisy: bool,
        regression: bool,
    ) -> "Curves":
        """Return the curves of a history, with the arguments and errors of `diagnose`."""
        _check(history, baseline, irreducible)
        train_name, validation_name = _found(history, _TRAINING), _found(history, _VALIDATION)
        pairs = zip(history[train_name], history[validation_name], strict=True)
        rows = [(i, *map(float, pair)) for i, pair in enumerate(map(_filled, pairs)) if pair]
        if not rows:
            raise ValueError(
                "`history` must have an epoch with both "
                f"{train_name!r} and {validation_name!r}. Received: no such epoch"
            )
        finite = [row for row in rows if all(map(math.isfinite, row))]
        last = finite[-1][0] if finite else -1
        lost = sum(row[0] < last for row in rows) + 1 - len(finite) if finite else 0
        notes = [_NOTES[name] for name in (train_name, validation_name) if name in _NOTES]
        if lost:
            notes.append(f"{lost} of the epochs before the last are ignored: they are not finite.")
        unit = baseline - irreducible
        train = [(row[1] - irreducible) / unit for row in finite]
        validation = [(row[2] - irreducible) / unit for row in finite]
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
            regression=regression,
        )

    @property
    def best(self) -> int:
        """The index of the smallest validation loss."""
        return self.validation.index(min(self.validation))

    @property
    def best_epoch(self) -> int | None:
        return self.epochs[self.best] if self.epochs else None

    @property
    def rise(self) -> float:
        return self.validation[-1] - self.validation[self.best]

    @property
    def train_rise(self) -> float:
        return self.train[-1] - min(self.train)

    @property
    def gap(self) -> float:
        return self.validation[-1] - self.train[-1]

    @property
    def gap_growth(self) -> float:
        """The growth of the gap from the best epoch to the end."""
        return self.gap - (self.validation[self.best] - self.train[self.best])

    @property
    def fall(self) -> float:
        """The fall of the validation loss in the last quarter of the epochs."""
        return self.validation[int(_END * (len(self.validation) - 1))] - self.validation[-1]

    def loss(self, value: float) -> str:
        """Format a scaled value as a loss."""
        return f"{self.irreducible + value * (self.baseline - self.irreducible):.4g}"

    def difference(self, value: float) -> str:
        """Format a difference of scaled values as a difference of losses."""
        return f"{value * (self.baseline - self.irreducible):.4g}"


def _check(history: Mapping[str, Sequence[Any]], baseline: Any, irreducible: Any) -> None:
    numbers = [isinstance(n, int | float) and math.isfinite(n) for n in (baseline, irreducible)]
    if not all(numbers) or not baseline > irreducible or math.isinf(baseline - irreducible):
        raise ValueError(
            "`baseline` must be a finite number above `irreducible`. "
            f"Received: baseline={baseline!r}, irreducible={irreducible!r}"
        )
    lengths = {name: len(history[name]) for name in NAMES if name in history}
    if len(set(lengths.values())) > 1:
        raise ValueError(
            "The lists in `history` must have equal lengths, with None for a missing value. "
            f"Received: {', '.join(f'{name} {length}' for name, length in lengths.items())}"
        )


def _found(history: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if name in history:
            return name
    cure = "Give `fit` validation_data, and put LossLedger before Diagnosis"
    if names == _TRAINING:
        cure = "Put LossLedger(train_eval=...) before Diagnosis"
    raise ValueError(
        f"diagnose needs {' or '.join(map(repr, names))} for each epoch. {cure}. "
        f"Logged: {', '.join(sorted(history)) or 'nothing'}"
    )


def _filled(pair: tuple[Any, Any]) -> tuple[Any, ...]:
    """Return the pair, or () if a value is missing; a lone NaN or infinity counts for both."""
    values = [value for value in pair if value is not None]
    if len(values) == 1 and not math.isfinite(values[0]):
        return (values[0], values[0])
    return pair if len(values) == 2 else ()


def _smooth(values: list[float]) -> tuple[float, ...]:
    reach = min(_WINDOW, len(values) // 4 | 1) // 2
    windows = (values[max(0, i - reach) : i + reach + 1] for i in range(len(values)))
    return tuple(map(statistics.median, windows))


def _noise(values: list[float]) -> float:
    """Estimate noise by the median of second differences, free of trends and robust to bends."""
    if len(values) < _MANY:
        return 0.0
    before, here, after = values[:-2], values[1:-1], values[2:]
    bends = [abs(a - 2 * b + c) for a, b, c in zip(before, here, after, strict=True)]
    # 0.6745: the median of |z| for a standard normal z; 1 + 4 + 1: the variance of a bend.
    return statistics.median(bends) / (0.6745 * math.sqrt(6))


def _last(history: Mapping[str, Sequence[Any]], name: str) -> float | None:
    """Return the last finite value, or `None`."""
    finite = [v for v in history.get(name, ()) if v is not None and math.isfinite(v)]
    return float(finite[-1]) if finite else None


def _before_last(history: Mapping[str, Sequence[Any]], name: str) -> float | None:
    """Return the value before the last epoch, if it is finite."""
    values = [float(v) for v in history.get(name, ())[-2:] if v is not None]
    return values[0] if len(values) == 2 and math.isfinite(values[0]) else None


def _shares(history: Mapping[str, Sequence[Any]], noisy: bool) -> tuple[float | None, float | None]:
    """Return the shares of all regularization and of the penalty in the last training loss."""
    loss, data, penalty = (_last(history, name) for name in ("loss", "data_loss", "penalty"))
    # Without dropout and augmentation, `data_loss` is about the `train_eval_loss` before the epoch,
    # as the model has last seen the samples one epoch ago.
    train_eval = _before_last(history, "train_eval_loss")
    if penalty is None and loss is not None and data is not None:
        penalty = loss - data
    if data is None or penalty is None:
        return None, None
    total = data + penalty
    if not 0 < total < math.inf:
        return None, None
    known = noisy and train_eval is not None and math.isfinite(data - train_eval)
    noise = max(0.0, data - train_eval) if known else 0.0
    every, alone = (min(1.0, max(0.0, part / total)) for part in (penalty + noise, penalty))
    return every, alone
