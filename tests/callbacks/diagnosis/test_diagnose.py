"""Each rule on crafted curves, at its thresholds, and one verdict for any history."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.callbacks import Verdict, diagnose
from occam.callbacks.diagnosis import rules

KINDS = {"diverged", "underfitting", "overfitting", "data-limited", "well fitted"}
NAN, INF = math.nan, math.inf


def judge(train, validation, *, baseline=1.0, irreducible=0.0, regression=False, **more):
    """The verdict on exact curves: train_eval_loss and val_data_loss."""
    history = {"train_eval_loss": train, "val_data_loss": validation, **more}
    return diagnose(history, baseline=baseline, irreducible=irreducible, regression=regression)


def falling(start, end, epochs=40):
    """A curve that falls fast and is flat in the last quarter."""
    return [end + (start - end) * math.exp(-12 * i / epochs) for i in range(epochs)]


def bent(start, best, end, at=10, epochs=40):
    down = np.linspace(start, best, at + 1)
    return [*down, *np.linspace(best, end, epochs - at)[1:]]


def regularized(train, share):
    """A history in which the penalty is a share of the minimized loss."""
    data = train[-1]
    return {"data_loss": train, "penalty": [data * share / (1 - share)] * len(train)}


FITTED = falling(1.0, 0.05)
EXPECTED = {
    "not finite": ("diverged", ([1.0, 0.5, NAN], [1.0, 0.6, NAN]), {}),
    "far from the targets": (
        "underfitting",
        ([100.0, 50.0, 30.0, 25.0, 20.0],) * 2,
        {"regression": True},
    ),
    "exploded": ("diverged", (bent(1.0, 0.4, 5.0), bent(1.0, 0.5, 5.0)), {}),
    "unstable": ("diverged", (bent(1.0, 0.2, 0.6), bent(1.0, 0.3, 0.6)), {}),
    "unfinished": ("underfitting", (np.linspace(1.0, 0.6, 20), np.linspace(1.0, 0.7, 20)), {}),
    "nothing learned": ("underfitting", ([1.0] * 20, [1.01] * 20), {}),
    "validation rises": ("overfitting", (FITTED, bent(1.0, 0.4, 0.7)), {}),
    "regularization too strong": (
        "underfitting",
        (falling(1.0, 0.7), falling(1.0, 0.72)),
        regularized(falling(1.0, 0.7), 0.5),
    ),
    "too little capacity": ("underfitting", (falling(1.0, 0.7), falling(1.0, 0.72)), {}),
    "gap in spite of regularization": (
        "data-limited",
        (FITTED, falling(1.0, 0.4)),
        regularized(FITTED, 0.5),
    ),
    "gap": ("overfitting", (FITTED, falling(1.0, 0.4)), regularized(FITTED, 0.01)),
    "still improving": ("well fitted", (np.linspace(1.0, 0.2, 20), np.linspace(1.0, 0.25, 20)), {}),
    "small gap": ("well fitted", (FITTED, falling(1.0, 0.08)), {}),
}


def test_every_rule_has_a_curve():
    assert [rule.name for rule in rules.RULES] == [*EXPECTED]
    assert {rule.kind for rule in rules.RULES} == KINDS


@pytest.mark.parametrize("rule", EXPECTED)
def test_each_rule(rule):
    kind, (train, validation), more = EXPECTED[rule]
    verdict = judge([*train], [*validation], **more)
    assert (verdict.kind, verdict.rule) == (kind, rule)
    assert verdict.evidence
    assert bool(verdict.advice) == (rule != "small gap")


UNITS = [(2.3, 0.0), (100.0, 7.0), (1e-3, 0.0), (1.0, -5.0)]


@pytest.mark.parametrize(
    ("rule", "scale", "shift"),
    # A share of the loss is not a matter of its range alone: no shift for those that need it.
    [(r, *unit) for r in EXPECTED for unit in UNITS if not (unit[1] and EXPECTED[r][2])],
)
def test_the_unit_of_the_loss_does_not_matter(rule, scale, shift):
    kind, curves, more = EXPECTED[rule]
    train, validation = ([scale * v + shift for v in curve] for curve in curves)
    more = {n: v if n == "regression" else [scale * x for x in v] for n, v in more.items()}
    verdict = judge(train, validation, baseline=scale + shift, irreducible=shift, **more)
    assert (verdict.kind, verdict.rule) == (kind, rule)


# Borders: with four epochs or fewer a value is its own median.


def constant(train, validation, **more):
    return judge([train] * 4, [validation] * 4, **more).rule


@pytest.mark.parametrize(
    ("train", "validation", "rule"),
    [
        (0.9501, 0.9501, "nothing learned"),
        (0.9499, 0.9499, "too little capacity"),
        (0.5001, 0.5001, "too little capacity"),
        (0.4999, 0.4999, "small gap"),
        (0.1, 0.1999, "small gap"),
        (0.1, 0.2001, "gap"),
        (0.2, 0.1, "small gap"),
        (0.0, 0.0, "small gap"),
        (1.9, 1.9, "nothing learned"),
        (9.0, 9.0, "nothing learned"),  # high from the beginning, and not because it rose
    ],
)
def test_borders_of_constant_curves(train, validation, rule):
    assert constant(train, validation) == rule


@pytest.mark.parametrize(
    ("train", "validation", "share", "rule"),
    [
        (0.1, 0.5, 0.2499, "gap"),
        (0.1, 0.5, 0.2501, "gap in spite of regularization"),
        (0.6, 0.6, 0.0099, "too little capacity"),
        (0.6, 0.6, 0.0101, "regularization too strong"),
    ],
)
def test_borders_of_regularization(train, validation, share, rule):
    curve = [train] * 9
    assert judge(curve, [validation] * 9, **regularized(curve, share)).rule == rule


def test_what_dropout_costs_is_regularization_as_well():
    train_eval, noisy = [0.1] * 9, [0.4] * 9
    more = {"data_loss": noisy, "penalty": [0.0] * 9}
    assert judge(train_eval, [0.5] * 9, **more).rule == "gap in spite of regularization"
    high = judge([0.6] * 9, [0.6] * 9, data_loss=[0.9] * 9, penalty=[0.0] * 9)
    assert high.rule == "regularization too strong"
    assert high.advice[0].startswith("Halve the rates of dropout and noise")


SLOW = [100.0, 50.0, 100 / 3, 25.0, 20.0]


@pytest.mark.parametrize(
    ("train", "validation", "rule"),
    [
        ([0.45, 0.4, 0.38, 0.37], [0.45, 0.4, 0.4, 0.40], "small gap"),
        ([0.45, 0.4, 0.38, 0.37], [0.45, 0.4, 0.4, 0.4199], "small gap"),
        ([0.45, 0.4, 0.38, 0.37], [0.45, 0.4, 0.4, 0.4201], "validation rises"),
        ([0.1, 0.002, 0.001, 0.001], [0.1, 0.002, 0.003, 0.004], "small gap"),  # a tiny rise
        ([0.9, 0.5, 0.9, 2.01], [0.9, 0.6, 0.9, 2.01], "exploded"),
        ([0.9, 0.5, 0.9, 1.99], [0.9, 0.6, 0.9, 1.99], "unstable"),
        ([0.8, 0.8, 0.8, 0.779], [0.8, 0.8, 0.8, 0.779], "unfinished"),
        ([0.8, 0.8, 0.8, 0.781], [0.8, 0.8, 0.8, 0.781], "too little capacity"),
        (SLOW[:4], SLOW[:4], "unfinished"),  # time to reach the baseline
        (SLOW, SLOW, "exploded"),
    ],
)
def test_borders_of_rises_and_falls(train, validation, rule):
    assert judge(train, validation).rule == rule


@pytest.mark.parametrize(
    ("curve", "rule"),
    [
        (SLOW, "far from the targets"),
        ([100.0, *SLOW], "far from the targets"),
        ([*SLOW, 29.0, 29.0], "exploded"),
        (SLOW[::-1], "exploded"),
        ([9.0] * 5, "exploded"),
        ([1.5] * 5, "nothing learned"),
    ],
)
def test_a_regression_above_the_baseline(curve, rule):
    verdict = judge(curve, curve, regression=True)
    assert verdict.rule == rule
    standardize = [line for line in verdict.advice if line.startswith("Standardize the targets")]
    assert bool(standardize) == (rule != "exploded")


def test_one_epoch_shows_no_trend():
    high, low = judge([0.9], [0.9]), judge([0.1], [0.12])
    assert (high.kind, high.rule) == ("underfitting", "unfinished")
    assert "One epoch shows no trend." in high.evidence
    assert low.kind == "well fitted"
    assert judge([NAN], [NAN]).kind == "diverged"


def test_noise_on_a_plateau_is_no_overfitting():
    noise = np.random.default_rng(0).normal(scale=0.02, size=200)
    validation = np.array(falling(1.0, 0.3, 200)) + noise
    assert judge(falling(1.0, 0.25, 200), [*validation]).rule == "small gap"
    overfitting = validation + np.linspace(0, 0.2, 200)
    assert judge(falling(1.0, 0.25, 200), [*overfitting]).rule == "validation rises"


def test_one_jump_is_no_overfitting():
    validation = falling(1.0, 0.08)
    validation[-1] = 0.5
    assert judge(FITTED, validation).rule == "small gap"
    validation[-1], validation[20] = 0.08, -0.5
    assert judge(FITTED, validation).rule == "small gap"


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("where", [0, 1])
def test_not_finite(bad, where):
    curves = [[1.0, 0.5, 0.4, 0.3, 0.3], [1.0, 0.6, 0.5, 0.4, 0.4]]
    for epoch in (3, 4):
        curves[where][epoch] = bad
    verdict = judge(*curves)
    assert verdict.kind == "diverged"
    assert verdict.evidence[0] == "The loss is not finite from epoch 4 on; before, it was 0.4."
    assert verdict.best_epoch == 2


def test_a_loss_that_recovers_has_not_diverged():
    train, validation = [*FITTED], falling(1.0, 0.08)
    train[5] = validation[7] = INF
    verdict = judge(train, validation)
    assert verdict.rule == "small gap"
    assert "2 of the epochs before the last are ignored: they are not finite." in verdict.evidence


def test_a_training_that_diverges_before_it_is_validated():
    assert judge([1.0, 0.5, NAN], [1.0, 0.6, None]).kind == "diverged"


def test_nothing_but_nan():
    verdict = judge([NAN, NAN], [NAN, NAN])
    assert verdict.kind == "diverged"
    assert verdict.evidence[0] == "The loss is not finite from epoch 1 on."
    assert verdict.best_epoch is None


def test_epochs_without_validation_are_counted():
    validation = [None if i % 2 == 0 else v for i, v in enumerate(bent(1.0, 0.4, 0.7, at=11))]
    verdict = judge(FITTED, validation)
    assert verdict.rule == "validation rises"
    assert verdict.best_epoch == 11
    assert verdict.advice[0] == "Stop earlier: at epoch 12."


def test_numbers_stand_in_evidence_and_advice():
    verdict = judge(
        [1.0, 0.5, 0.2, 0.1], [1.1, 0.8, 0.9, 1.2], baseline=2.0, gap_accuracy=[0.1] * 4
    )
    assert verdict == Verdict(
        "overfitting",
        "validation rises",
        (
            "At epoch 4 the training loss is 0.1 and the validation loss is 1.2; a constant "
            "prediction has 2. The model explains 95% of what can be learned on the training "
            "data, and 40% on the validation data.",
            "The validation loss rose from 0.8 at epoch 2 to 1.2 at epoch 4, and the gap to the "
            "training loss grew by 0.8.",
            "The gap is 1.1 in the loss and 0.1 in the accuracy.",
        ),
        (
            "Stop earlier: at epoch 2.",
            "Raise the rates of dropout by 0.2, and use stronger augmentation.",
            "Multiply the strength of the penalties by 10; start with 1e-4.",
        ),
        1,
    )
    assert str(verdict).splitlines()[0] == "overfitting (validation rises)"
    assert "  > Stop earlier: at epoch 2." in str(verdict).splitlines()
    with pytest.raises(dataclasses.FrozenInstanceError):
        verdict.kind = "well fitted"


@pytest.mark.parametrize(("share", "factor"), [(0.02, 0.1), (0.6, 0.074), (0.9, 0.012)])
def test_lambda_is_reduced_to_where_the_penalty_is_a_tenth(share, factor):
    curve = [0.6] * 8
    first = judge(curve, curve, **regularized(curve, share)).advice[0]
    assert f"penalties by {factor:g}: the penalty is {share:.0%} of the loss" in first
    penalty = 0.6 * share / (1 - share) * factor
    assert penalty / (0.6 + penalty) < 0.101


def test_regularization_is_named_where_nothing_is_learned():
    curve = [1.0] * 9
    verdict = judge(curve, curve, **regularized(curve, 0.05))
    assert verdict.rule == "nothing learned"
    assert verdict.advice[0].startswith("Multiply the strength of the penalties")
    assert judge(curve, curve).advice[0].startswith("Try the learning rate")


def test_what_more_data_would_bring():
    """A curve of E + c n^-1/2 for validation, E - c n^-1/2 for training (Cortes et al. 1993)."""
    limit, c = 0.3, 0.2
    verdict = judge([limit - c] * 9, [limit + c] * 9, **regularized([limit - c] * 9, 0.5))
    twice = limit + c / math.sqrt(2)
    assert f"validation loss to about {twice:.4g}," in verdict.advice[0]
    assert "16 times as many would lower the gap to 0.1" in verdict.advice[0]  # 2 c / sqrt(16)


def test_the_penalty_is_also_what_loss_has_beyond_the_data_loss():
    history = {"loss": [0.2] * 9, "data_loss": [0.1] * 9, "val_data_loss": [0.5] * 9}
    assert diagnose(history, baseline=1.0).kind == "data-limited"


def test_noisy_labels():
    assert constant(0.7, 0.72) == "too little capacity"
    assert constant(0.7, 0.72, irreducible=0.65) == "small gap"


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (
            ("data_loss", "val_data_loss"),
            "train_eval_loss is not logged. data_loss, used instead, is computed with dropout",
        ),
        (("loss", "val_loss"), "Neither train_eval_loss nor data_loss is logged"),
        (
            ("loss", "val_loss"),
            "val_data_loss is not logged. val_loss, used instead, contains the penalties",
        ),
    ],
)
def test_a_fallback_is_named(names, note):
    verdict = diagnose({name: [0.1, 0.1] for name in names}, baseline=1.0)
    assert any(line.startswith(note) for line in verdict.evidence)


def test_no_note_without_a_fallback():
    assert len(judge(FITTED, FITTED).evidence) == 2


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({}, "needs 'train_eval_loss' or 'data_loss' or 'loss' for each epoch. .*Logged: nothing"),
        (
            {"accuracy": [1.0], "val_loss": [1.0]},
            "before Diagnosis. Logged: accuracy, val_loss",
        ),
        (
            {"loss": [1.0]},
            "needs 'val_data_loss' or 'val_loss'.*Give `fit` validation_data.*: loss$",
        ),
        ({"loss": [1.0, 1.0], "val_loss": [1.0]}, "equal lengths.* Received: loss 2, val_loss 1"),
        (
            {"loss": [1.0], "val_loss": [None]},
            "an epoch with both 'loss' and 'val_loss'. Received: no such epoch",
        ),
        (
            {"loss": [], "val_loss": []},
            "an epoch with both 'loss' and 'val_loss'. Received: no such epoch",
        ),
    ],
)
def test_the_error_names_what_is_missing(history, message):
    with pytest.raises(ValueError, match=message):
        diagnose(history, baseline=1.0)


@pytest.mark.parametrize(
    ("baseline", "irreducible"), [(0.0, 0.0), (1.0, 1.0), (NAN, 0.0), (INF, 0.0), (1.0, NAN)]
)
def test_an_invalid_baseline(baseline, irreducible):
    message = f"must be a finite number above `irreducible`. Received: baseline={baseline}"
    with pytest.raises(ValueError, match=message):
        judge([1.0], [1.0], baseline=baseline, irreducible=irreducible)


NAMES = [
    "train_eval_loss",
    "data_loss",
    "loss",
    "val_data_loss",
    "val_loss",
    "penalty",
    "gap_accuracy",
]
VALUES = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def histories(draw, values):
    epochs = draw(st.integers(1, 30))
    names = {"loss", "val_loss", *draw(st.sets(st.sampled_from(NAMES)))}
    column = st.lists(values, min_size=epochs, max_size=epochs)
    return {name: draw(column) for name in sorted(names)}


@given(histories(VALUES | st.floats(-1.0, 3.0)), st.floats(1e-3, 1e3))
def test_any_finite_history_gives_one_verdict(history, baseline):
    verdict = diagnose(history, baseline=baseline)
    assert verdict.kind in KINDS
    assert sum((rule.kind, rule.name) == (verdict.kind, verdict.rule) for rule in rules.RULES) == 1
    assert verdict.evidence
    assert str(verdict).startswith(verdict.kind)
    assert 0 <= verdict.best_epoch < len(history["loss"])
    assert verdict.rule != "not finite"


@given(histories(st.floats()), st.floats(1e-3, 1e3))
def test_any_history_that_ends_with_nan_diverged(history, baseline):
    for curve in history.values():
        curve[-1] = NAN
    assert diagnose(history, baseline=baseline).kind == "diverged"
