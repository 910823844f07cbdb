"""`label_sets`: conformal risk control for independent labels."""

import numpy as np
from numpy.typing import ArrayLike

from ...core.arrays import float_array
from ...core.checks import check_number, check_type, message
from .conformal import Conformal, are_probabilities, check_rows


def label_sets(
    calibration: tuple[ArrayLike, ArrayLike], probabilities: ArrayLike, coverage: float = 0.9
) -> np.ndarray:
    """Return sets of independent labels that miss few of the true ones.

    Conformal risk control: a set holds the labels of a probability of at least t. With the loss

        loss(t) = share of the true labels of a row that are not in its set;  0 without a true label

    t is the largest one with `(sum of the losses of n calibration rows + 1) / (n + 1) <= 1 -
    coverage`. If these rows and the new one are exchangeable, the expected loss of the new one is
    at most 1 - coverage: on average, so much of its true labels is in its set. This is on average
    over rows and calibration sets; a rare label may be missed more often.

    Args:
        calibration: Probabilities `(n, labels)`, and zeros and ones `(n, labels)`, of rows that the
            model was not trained on.
        probabilities: Probabilities of the rows to answer, `(m, labels)`.
        coverage: The share of true labels, between 0 and 1.

    Returns:
        Which labels are in each set, bool `(m, labels)`.

    Raises:
        ValueError: If an argument is out of range, or there are too few calibration rows.

    Example: 4 rows with one true label each. To miss at most 0.4 on average, t may miss one of the
    four, since (1 + 1) / (4 + 1) = 0.4.

    >>> p = [[0.9, 0.1], [0.8, 0.3], [0.2, 0.7], [0.1, 0.4]]
    >>> y = [[1, 0], [1, 0], [0, 1], [0, 1]]
    >>> label_sets((p, y), [[0.7, 0.69]], coverage=0.6).tolist()
    [[True, False]]

    Reference: Angelopoulos et al., Conformal Risk Control, 2022, https://arxiv.org/abs/2208.02814
    """
    check_number("coverage", coverage, "(0, 1)")
    pair = "a pair of probabilities and labels"
    check_type("calibration", calibration, (tuple, list), pair)
    if len(calibration) != 2:
        raise ValueError(message("calibration", calibration, pair))
    known = float_array("calibration", calibration[0], "probabilities (n, labels)")
    y = float_array("calibration", calibration[1], "zeros and ones (n, labels)")
    p = float_array("probabilities", probabilities, "numbers in [0, 1]")
    if known.ndim != 2 or y.shape != known.shape or not np.isin(y, (0, 1)).all():
        expected = "probabilities (n, labels), and zeros and ones of the same shape"
        raise ValueError(message("calibration", calibration, expected))
    if p.ndim != 2 or p.shape[1] != known.shape[1]:
        shape = f"of shape (m, {known.shape[1]}), like those of `calibration`"
        raise ValueError(message("probabilities", probabilities, shape))
    if not are_probabilities(known):
        raise ValueError(message("calibration", calibration, "probabilities in [0, 1]"))
    if not are_probabilities(p):
        raise ValueError(message("probabilities", probabilities, "numbers in [0, 1]"))
    return p >= _risk_threshold(known, y, coverage)


def _risk_threshold(p: np.ndarray, y: np.ndarray, coverage: float) -> float:
    """Return the t of `label_sets`.

    The sum of losses only changes at the probabilities of true labels, by one over their number in
    the row.
    """
    check_rows(len(p), coverage)
    rows, labels = np.nonzero(y)
    order = np.argsort(p[rows, labels], kind="stable")
    true = p[rows, labels][order]
    missed = np.append(0.0, np.cumsum(1 / y.sum(axis=1)[rows[order]]))
    candidates = np.unique([0.0, *true, 1.0])
    losses = missed[np.searchsorted(true, candidates)]  # of the true labels below each of them
    allowed = (losses + 1) / (len(p) + 1) <= 1 - coverage + 1e-9  # for rounding
    return float(candidates[allowed][-1])


def judge_label_sets(
    calibration: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...],
    *,
    coverage: float,
    calibrated_on: str,
) -> Conformal:
    """Return the coverage and the size of the sets of labels; pairs are as `calibration`."""
    p, y = test
    threshold = _risk_threshold(*calibration, coverage)
    sets = label_sets(calibration, p, coverage)
    true = y > 0.5
    found = (sets & true).sum(axis=1) / np.maximum(true.sum(axis=1), 1)
    return Conformal(
        method="crc",
        target=coverage,
        calibrated_on=calibrated_on,
        calibration_rows=len(calibration[1]),
        thresholds=(threshold,),
        coverage=float(np.where(true.any(axis=1), found, 1.0).mean()),
        by_name={
            name: float(sets[true[:, k], k].mean())
            for k, name in enumerate(names)
            if true[:, k].any()
        },
        size=float(sets.sum(axis=1).mean()),
        empty=float((~sets.any(axis=1)).mean()),
    )
