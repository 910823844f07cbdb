"""The rules of `diagnose`: thresholds, conditions, evidence and advice."""

import math
from collections.abc import Callable
from typing import NamedTuple

from .curves import Curves


class DiagnosisRule(NamedTuple):
    """A row of the table `RULES`; the first row with a true condition applies."""

    kind: str
    name: str
    condition: Callable[[Curves], bool]
    evidence: tuple[Callable[[Curves], str], ...]
    advice: Callable[[Curves], list[str]]


# Thresholds, with their reasons. Values are in the units of `Curves`: 1 is the loss of a constant
# prediction, 0 is all that can be learned.

# Twice the loss of a constant prediction. The bias of the output alone gets below it within a few
# epochs. Before that, the loss must also have risen, as a bad initialization starts high. The loss
# of a regression that falls all the time has not exploded: its targets are far from the outputs.
_EXPLODED = 2.0
_SOON = 5

# A rise of the training loss by a tenth. Overfitting lowers it, and the medians leave less noise.
_UNSTABLE = 0.1

# Below 5% explained, the model knows little more than the frequencies of the labels.
_LEARNED = 0.05

# With a training loss above half, the training side must improve, whatever the gap is. With noisy
# labels even the best model is that high; then `irreducible` is not 0.
_HIGH = 0.5

# A fall in the last quarter of the epochs: at that pace, twice as many epochs explain another 8%.
_FALLING = 0.02

# A rise relative to the smallest validation loss (Prechelt's largest generalization loss, 5%), in
# absolute terms (from 0.001 to 0.002 does not matter), and as a multiple of the noise (the minimum
# of many noisy values is about that far below their mean).
_RISE = 0.05
_RISE_MIN = 0.01
_RISE_NOISE = 3.0

# A tenth of the explained part is lost on new data. From a quarter on, correct in large steps.
_GAP = 0.1
_WIDE_GAP = 0.25

# If regularization is a quarter of the minimized loss, adding as much again changes the fit itself.
_STRONG = 0.25

# In underfitting any share counts, as a penalty that is too strong shrinks the weights and so
# itself: for an mlp on mnist1d with l2 = 0.1, which explains 18%, it is 15% of the loss.
_PRESENT = 0.01

# The share of the penalty to return to, or less: at most a tenth of the strength is left.
_TARGET = 0.1

# Training and validation loss approach a common limit as a power of the sample size, between 1/2
# and 1 in theory (Cortes et al. 1993). The smaller one promises less.
_POWER = 0.5


# Conditions


def _broken(curves: Curves) -> bool:
    return curves.broken is not None


def _far(curves: Curves) -> bool:
    fell = curves.train[0] - curves.train[-1] > 10 * curves.train_rise
    return curves.regression and fell and curves.train[-1] > _EXPLODED


def _exploded(curves: Curves) -> bool:
    rose = curves.train_rise > 1.0
    return curves.train[-1] > _EXPLODED and (rose or len(curves.epochs) >= _SOON)


def _rises(curves: Curves) -> bool:
    relative = _RISE * curves.validation[curves.best]
    return curves.rise > max(relative, _RISE_MIN, _RISE_NOISE * curves.noise)


def _unstable(curves: Curves) -> bool:
    return curves.train_rise > _UNSTABLE and _rises(curves) and curves.gap_growth <= 0


def _high(curves: Curves) -> bool:
    return curves.train[-1] > _HIGH


def _unfinished(curves: Curves) -> bool:
    return _high(curves) and (len(curves.epochs) < 2 or curves.fall > _FALLING)


def _at_baseline(curves: Curves) -> bool:
    return curves.train[-1] > 1 - _LEARNED


def _overfits(curves: Curves) -> bool:
    return _rises(curves) and curves.gap_growth > 0


def _too_regularized(curves: Curves) -> bool:
    return _high(curves) and curves.share is not None and curves.share > _PRESENT


def _has_gap(curves: Curves) -> bool:
    return curves.gap > _GAP


def _limited(curves: Curves) -> bool:
    return _has_gap(curves) and curves.share is not None and curves.share >= _STRONG


def _still_improves(curves: Curves) -> bool:
    return len(curves.epochs) > 1 and curves.fall > _FALLING


# Evidence


def _levels(curves: Curves) -> str:
    train, validation = curves.train[-1], curves.validation[-1]
    explained = [f"{max(0.0, 1 - value):.0%}" for value in (train, validation)]
    return (
        f"At epoch {curves.epochs[-1] + 1} the training loss is {curves.loss(train)} and the "
        f"validation loss is {curves.loss(validation)}; a constant prediction has "
        f"{curves.baseline:.4g}. The model explains {explained[0]} of what can be "
        f"learned on the training data, and {explained[1]} on the validation data."
    )


def _not_finite(curves: Curves) -> str:
    before = f"; before, it was {curves.loss(curves.train[-1])}" if curves.epochs else ""
    return f"The loss is not finite from epoch {(curves.broken or 0) + 1} on{before}."


def _train_rose(curves: Curves) -> str:
    best = curves.train.index(min(curves.train))
    return (
        f"The training loss is {curves.loss(curves.train[-1])} at epoch {curves.epochs[-1] + 1}; "
        f"its minimum is {curves.loss(curves.train[best])} at epoch {curves.epochs[best] + 1}, and "
        f"a constant prediction has {curves.baseline:.4g}."
    )


def _val_rose(curves: Curves) -> str:
    return (
        f"The validation loss rose from {curves.loss(curves.validation[curves.best])} at epoch "
        f"{(curves.best_epoch or 0) + 1} to {curves.loss(curves.validation[-1])} at epoch "
        f"{curves.epochs[-1] + 1}, and the gap to the training loss grew by "
        f"{curves.difference(curves.gap_growth)}."
    )


def _gap(curves: Curves) -> str:
    gap = f"The gap is {curves.difference(curves.gap)}"
    if curves.gap_accuracy is None:
        return f"{gap}."
    return f"{gap} in the loss and {curves.gap_accuracy:.3g} in the accuracy."


def _pace(curves: Curves) -> str:
    if len(curves.epochs) < 2:
        return "One epoch shows no trend."
    fall = curves.difference(curves.fall)
    return f"The validation loss still fell by {fall} in the last quarter of the epochs."


def _share(curves: Curves) -> str:
    if curves.share is None:
        return "The share of regularization in the loss is not logged; LossLedger logs it."
    return f"Regularization is {curves.share:.0%} of the minimized loss."


# Advice, most important first


def _slower(curves: Curves) -> list[str]:
    return [
        "Divide the learning rate by 10, and add a warm-up.",
        "Clip the gradients (clipnorm=1), and check that inputs and targets are scaled.",
    ]


_STANDARDIZE = (
    "Standardize the targets: subtract their mean and divide by their standard deviation, or end "
    "the model with keras.layers.Normalization(mean=mean, variance=variance, invert=True)."
)


def _closer(curves: Curves) -> list[str]:
    return [_STANDARDIZE, "Try the learning rate times 10 and divided by 10.", *_longer(curves)]


def _longer(curves: Curves) -> list[str]:
    return [f"Train at least twice as long: {2 * (curves.epochs[-1] + 1)} epochs."]


def _relax(curves: Curves) -> list[str]:
    lines = []
    part = curves.penalty_share or 0.0
    if part > _PRESENT:
        # The penalty is linear in its strength for these weights, but the weights will grow.
        factor = max(0.001, min(0.1, _TARGET / (1 - _TARGET) * (1 - part) / part))
        strength = f"Multiply the strength of the penalties by {factor:.2g}"
        lines.append(f"{strength}: the penalty is {part:.0%} of the loss.")
    if (curves.share or 0.0) - part > _PRESENT:
        lines.append("Halve the rates of dropout and noise, and use weaker augmentation.")
    return [*lines, "If that does not help, increase the capacity: double the width."]


def _capacity(curves: Curves) -> list[str]:
    return [
        "Increase the capacity: double the width, or add a block.",
        "If there is regularization that is not logged: multiply the strength of the penalties by "
        "0.1, and halve the rates of dropout.",
        "If the targets are noisy: pass the loss of the best possible model as `irreducible`.",
    ]


def _anything(curves: Curves) -> list[str]:
    return [
        *(_relax(curves)[:-1] if (curves.share or 0.0) > _PRESENT else []),
        *([_STANDARDIZE] if curves.regression and curves.train[-1] > 1 + _LEARNED else []),
        "Try the learning rate times 10 and divided by 10.",
        "Check that the model can memorize a few samples without regularization; if not, inputs, "
        "targets or the loss are wrong.",
    ]


def _stop(curves: Curves) -> list[str]:
    return [f"Stop earlier: at epoch {(curves.best_epoch or 0) + 1}.", *_more(curves)]


def _more(curves: Curves) -> list[str]:
    wide = curves.gap > _WIDE_GAP
    return [
        f"Raise the rates of dropout by {0.2 if wide else 0.1}, and use stronger augmentation.",
        f"Multiply the strength of the penalties by {10 if wide else 3}; start with 1e-4.",
    ]


def _data(curves: Curves) -> list[str]:
    # Half of the gap lies above the common limit, and shrinks with a power of the sample size.
    saved = curves.gap / 2 * (1 - 2**-_POWER)
    ratio = min(30.0, curves.gap / _GAP) ** (1 / _POWER)
    return [
        f"Collect more data: twice as many samples would lower the validation loss to about "
        f"{curves.loss(curves.validation[-1] - saved)}, and {math.ceil(ratio)} times as many would "
        f"lower the gap to {curves.difference(_GAP)}.",
        "Without more data: use pretrained weights or realistic augmentation. Stronger penalties "
        "would raise the training loss by as much as they lower the gap.",
    ]


RULES = (
    DiagnosisRule("diverged", "not finite", _broken, (_not_finite,), _slower),
    DiagnosisRule("underfitting", "far from the targets", _far, (_levels, _pace), _closer),
    DiagnosisRule("diverged", "exploded", _exploded, (_train_rose,), _slower),
    DiagnosisRule("diverged", "unstable", _unstable, (_train_rose,), _slower),
    DiagnosisRule("underfitting", "unfinished", _unfinished, (_levels, _pace), _longer),
    DiagnosisRule("underfitting", "nothing learned", _at_baseline, (_levels, _share), _anything),
    DiagnosisRule("overfitting", "validation rises", _overfits, (_levels, _val_rose, _gap), _stop),
    DiagnosisRule(
        "underfitting", "regularization too strong", _too_regularized, (_levels, _share), _relax
    ),
    DiagnosisRule("underfitting", "too little capacity", _high, (_levels, _share), _capacity),
    DiagnosisRule(
        "data-limited", "gap in spite of regularization", _limited, (_levels, _gap, _share), _data
    ),
    DiagnosisRule("overfitting", "gap", _has_gap, (_levels, _gap, _share), _more),
    DiagnosisRule("well fitted", "still improving", _still_improves, (_levels, _pace), _longer),
    DiagnosisRule("well fitted", "small gap", lambda _: True, (_levels, _gap), lambda _: []),
)
