"""The one-standard-error rule: of candidates that do equally well, the most regularized."""

import math
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Protocol, TypeVar

from ..zoo import Regularization

__all__ = ["choose", "standard_error"]


class Scored(Protocol):
    """A candidate with its loss on each seed."""

    @property
    def regularization(self) -> Regularization:
        """What was tried."""
        ...

    @property
    def losses(self) -> tuple[float, ...]:
        """The validation data loss on each seed."""
        ...


T = TypeVar("T", bound=Scored)


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean, `s / sqrt(n)`; 0 for a single value.

    >>> standard_error([1.0, 3.0])
    1.0
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def choose(candidates: Sequence[T], space: Sequence[str]) -> T:
    """The most regularized candidate whose mean loss is within one standard error of the best's.

        argmax amount(c)   over   mean(c) <= mean(best) + standard_error(best)

    Args:
        candidates: tried on the same seeds each; those with a loss that is not finite are out.
        space: the fields that were searched, of which `Regularization.amount` is taken.

    Raises:
        ValueError: no candidate has finite losses.

    Reference: Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984,
    section 3.4.3.
    """
    finite = [c for c in candidates if all(math.isfinite(loss) for loss in c.losses)]
    if not finite:
        raise ValueError(
            f"No candidate trained to a finite loss. Received: {len(candidates)} candidates"
        )
    best = min(finite, key=lambda c: mean(c.losses))
    bound = mean(best.losses) + standard_error(best.losses)
    equals = [c for c in finite if mean(c.losses) <= bound]
    return max(equals, key=lambda c: (c.regularization.amount(tuple(space)), -mean(c.losses)))
