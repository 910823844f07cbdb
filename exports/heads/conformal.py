"""The ranks and counts of split conformal prediction."""

import math

import numpy as np

_MISTAKEN = 1e-4  # how often `least_covered` is more than a correct answer covers


def conformal_rank(rows: int, coverage: float) -> int:
    """Return ceil((n + 1) coverage), the rank of the score that is the threshold.

    >>> conformal_rank(9, 0.9), conformal_rank(10, 0.9)
    (9, 10)
    """
    return int(np.ceil(np.round((rows + 1) * coverage, 9)))


def rows_needed(coverage: float) -> int:
    """Return the smallest number of rows that has a threshold for a coverage.

    >>> rows_needed(0.9), rows_needed(0.95)
    (9, 19)
    """
    rows = max(1, math.floor(coverage / (1 - coverage)) - 1)
    while conformal_rank(rows, coverage) > rows:
        rows += 1
    return rows


def least_covered(new: int, rows: int, coverage: float, targets: int = 1) -> int:
    """Return how many of `new` rows are covered at least, but for 1 of 10,000 cases.

    Of rows that are exchangeable with the n calibration rows, the number that is covered has a
    beta-binomial distribution with the parameters k and n + 1 - k for the rank k. With ties, more
    are covered. The probability is for all targets together.

    Reference: Vovk, Conditional Validity of Inductive Conformal Predictors, 2012,
    https://arxiv.org/abs/1209.2673
    """
    from scipy.stats import betabinom

    rank = conformal_rank(rows, coverage)
    return int(betabinom(new, rank, rows + 1 - rank).ppf(_MISTAKEN / targets))
