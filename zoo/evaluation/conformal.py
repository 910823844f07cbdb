"""Conformal prediction: sets and intervals that cover new targets with a stated probability."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from ...core.arrays import float_array
from ...core.checks import check_integer, check_number, check_one_of, check_type, message
from ...core.text_table import counted
from ...exports.heads.conformal import conformal_rank, rows_needed

Method = Literal["lac", "aps"]


@dataclass(frozen=True)
class Conformal:
    """Prediction sets of a classifier, or intervals of a regression, on rows that were not used.

    Args:
        method: "lac" or "aps", see `prediction_sets`; "crc", see `label_sets`; or
            "absolute_residual".
        target: The coverage that was asked for.
        calibrated_on: "validation", or "folds" for the out-of-fold outputs of a cross-validation.
        calibration_rows: The number of rows that the thresholds come from.
        thresholds: The largest score of a class in the set, the smallest probability of a label in
            the set, or half the width of the interval of each target, in its unit.
        coverage: The share of rows whose target is covered; the mean over targets. For independent
            labels, 1 minus the mean false negative rate.
        by_name: The share of each class or label, of its own rows, or of each target. A class or
            label without rows is not there.
        size: The mean number of classes or labels in a set, or the mean width of an interval.
        empty: The share of sets without a class or label.
    """

    method: str
    target: float
    calibrated_on: str
    calibration_rows: int
    thresholds: tuple[float, ...]
    coverage: float
    by_name: dict[str, float]
    size: float
    empty: float = 0.0


def conformal_threshold(scores: ArrayLike, coverage: float) -> np.ndarray:
    """Return the score that a new one exceeds with a probability of at most 1 - coverage.

        q = the ceil((n + 1) coverage)-th smallest score

    If the n scores and the new one are exchangeable, P(new <= q) >= coverage, and without ties at
    most coverage + 1 / (n + 1). This is on average over calibration sets.

    Args:
        scores: The scores of rows that the model was not trained on, `(n,)` or `(n, targets)`.
        coverage: The probability, between 0 and 1.

    Returns:
        The threshold, a scalar or `(targets,)`.

    Raises:
        ValueError: If there are too few rows for the coverage, or a score is NaN.

    Example:

    >>> float(conformal_threshold(np.arange(1, 10), 0.9))
    9.0

    Reference: Vovk et al., Algorithmic Learning in a Random World, 2005
    """
    check_number("coverage", coverage, "(0, 1)")
    values = float_array("scores", scores, "numbers of shape (n,) or (n, targets)")
    if values.ndim not in (1, 2) or np.isnan(values).any():
        raise ValueError(message("scores", scores, "numbers of shape (n,) or (n, targets)"))
    rows = len(values)
    check_rows(rows, coverage)
    return np.sort(values, axis=0)[conformal_rank(rows, coverage) - 1]


def check_rows(rows: int, coverage: float) -> None:
    """Raise a `ValueError` if so many calibration rows are too few for a coverage."""
    if conformal_rank(rows, coverage) > rows:
        needed = counted(rows_needed(coverage), "row")
        raise ValueError(
            f"A coverage of {coverage:g} needs at least {needed} of scores or calibration data. "
            f"Received: {counted(rows, 'row')}"
        )


def prediction_sets(
    calibration: tuple[ArrayLike, ArrayLike],
    probabilities: ArrayLike,
    coverage: float = 0.9,
    *,
    method: Method = "lac",
    seed: int = 0,
) -> np.ndarray:
    """Return sets of classes that contain the true one with a stated probability.

    A set holds the classes whose score is at most the `conformal_threshold` of the scores of the
    true classes of the calibration rows:

        lac:  score_k = 1 - p_k                                  (least ambiguous sets)
        aps:  score_k = sum of all p_j before p_k + u p_k        (adaptive prediction sets)

    where classes are in decreasing order of probability, and u is uniform in [0, 1], one number
    for each row. The sets of "lac" are the smallest on average, but cover easy rows too often and
    hard ones too rarely; those of "aps" grow on hard rows. Sets may be empty.

    Args:
        calibration: Probabilities `(n, classes)` and class ids `(n,)` of rows that the model was
            not trained on.
        probabilities: Probabilities of the rows to answer, `(m, classes)`.
        coverage: The probability, between 0 and 1.
        method: "lac" or "aps".
        seed: The seed of u.

    Returns:
        Which classes are in each set, bool `(m, classes)`.

    Raises:
        ValueError: If an argument is out of range, or there are too few calibration rows.

    Example:

    >>> p = np.tile([0.6, 0.3, 0.1], (9, 1))
    >>> prediction_sets((p, [0, 0, 0, 0, 0, 0, 0, 0, 1]), [[0.5, 0.4, 0.1]]).tolist()
    [[True, True, False]]

    References: Sadinle et al., Least Ambiguous Set-Valued Classifiers with Bounded Error Levels,
    2019, https://arxiv.org/abs/1609.00451; Romano et al., Classification with Valid and Adaptive
    Coverage, 2020, https://arxiv.org/abs/2006.02544
    """
    check_one_of("method", method, ("lac", "aps"))
    check_number("coverage", coverage, "(0, 1)")
    check_integer("seed", seed, 0)
    pair = "a pair of probabilities and class ids"
    check_type("calibration", calibration, (tuple, list), pair)
    if len(calibration) != 2:
        raise ValueError(message("calibration", calibration, pair))
    expected = "probabilities (n, classes) and class ids (n,) from 0 to classes - 1"
    known, labels = float_array("calibration", calibration[0], expected), np.asarray(calibration[1])
    p = float_array("probabilities", probabilities, "numbers in [0, 1]")
    if known.ndim != 2 or labels.shape != known.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(message("calibration", calibration, expected))
    if p.ndim != 2 or p.shape[1] != known.shape[1]:
        shape = f"of shape (m, {known.shape[1]}), like those of `calibration`"
        raise ValueError(message("probabilities", probabilities, shape))
    if not np.isin(labels, np.arange(known.shape[1])).all() or not are_probabilities(known):
        raise ValueError(message("calibration", calibration, expected))
    if not are_probabilities(p):
        raise ValueError(message("probabilities", probabilities, "numbers in [0, 1]"))
    generator = np.random.default_rng(seed)
    threshold = _threshold(known, labels, coverage, method, generator)
    return _scores(p, method, generator) <= threshold


def are_probabilities(p: np.ndarray) -> bool:
    """Return whether all numbers are in [0, 1]."""
    return bool(((p >= 0) & (p <= 1)).all())


def _threshold(
    p: np.ndarray, labels: np.ndarray, coverage: float, method: Method, generator: Any
) -> np.ndarray:
    scores = _scores(p, method, generator)
    return conformal_threshold(scores[np.arange(len(labels)), labels], coverage)


def _scores(p: np.ndarray, method: Method, generator: np.random.Generator) -> np.ndarray:
    """Return the score of each class, `(n, classes)`."""
    if method == "lac":
        return 1 - p
    order = np.argsort(-p, axis=1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=1)
    drawn = generator.uniform(size=(len(p), 1))
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, ordered.cumsum(axis=1) - (1 - drawn) * ordered, axis=1)
    return scores


def judge_sets(
    calibration: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...],
    *,
    coverage: float,
    method: Method,
    calibrated_on: str,
    seed: int,
) -> Conformal:
    """Return the coverage and the size of the sets of one method; pairs are as `calibration`."""
    known, labels = calibration
    p, y = test
    sets = prediction_sets(calibration, p, coverage, method=method, seed=seed)
    threshold = _threshold(known, labels, coverage, method, np.random.default_rng(seed))
    covered = sets[np.arange(len(y)), y]
    return Conformal(
        method=method,
        target=coverage,
        calibrated_on=calibrated_on,
        calibration_rows=len(labels),
        thresholds=(float(threshold),),
        coverage=float(covered.mean()),
        by_name={names[k]: float(covered[y == k].mean()) for k in np.unique(y).tolist()},
        size=float(sets.sum(axis=1).mean()),
        empty=float((~sets.any(axis=1)).mean()),
    )


def judge_intervals(
    calibration: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...],
    *,
    coverage: float,
    calibrated_on: str,
) -> Conformal:
    """Return the coverage and the width of `f(x) +- q`, for pairs of values and targets.

    q is the `conformal_threshold` of the absolute residuals, for each target by itself.
    """
    (known, labels), (values, y) = calibration, test
    half = conformal_threshold(np.abs(known - labels), coverage)
    covered = (np.abs(values - y) <= half).mean(axis=0)
    return Conformal(
        method="absolute_residual",
        target=coverage,
        calibrated_on=calibrated_on,
        calibration_rows=len(labels),
        thresholds=tuple(half.tolist()),
        coverage=float(covered.mean()),
        by_name=dict(zip(names, covered.tolist(), strict=True)),
        size=float(2 * half.mean()),
    )
