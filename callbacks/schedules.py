"""Functions of the number of the epoch or step, from 0, for `callbacks.Schedule`."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence

from ..core.checks import check_integer, message


def points(pairs: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """Interpolate linearly between points `(time, value)`; constant before and after them.

    The times must increase.

    >>> [points([(1, 0.0), (3, 0.4)])(time) for time in range(5)]
    [0.0, 0.0, 0.2, 0.4, 0.4]
    """
    pairs = [(float(time), float(value)) for time, value in pairs]
    times = [time for time, _ in pairs]
    if not pairs or times != sorted(set(times)):
        raise ValueError(message("pairs", pairs, "points (time, value) with increasing times"))

    def interpolate(time):
        if time <= pairs[0][0]:
            return pairs[0][1]
        for (left, start), (right, end) in itertools.pairwise(pairs):
            if time <= right:
                share = (time - left) / (right - left)
                return (1.0 - share) * start + share * end  # exact at both ends
        return pairs[-1][1]

    return interpolate


def linear(start: float, end: float, count: int) -> Callable[[float], float]:
    """Change linearly from `start` to `end` over `count` epochs or steps, then stay at `end`.

    >>> [linear(0.0, 0.5, 3)(epoch) for epoch in range(4)]
    [0.0, 0.25, 0.5, 0.5]
    """
    return points([(0, start), (_last(count), end)])


def cosine(start: float, end: float, count: int) -> Callable[[float], float]:
    """Change from `start` to `end` along half a cosine, slowly at both ends, then stay at `end`.

        end + (start - end) (1 + cos(pi time / (count - 1))) / 2

    >>> [round(cosine(0.0, 0.5, 5)(epoch), 3) for epoch in range(6)]
    [0.0, 0.073, 0.25, 0.427, 0.5, 0.5]

    Reference: Loshchilov & Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983
    """
    last = _last(count)
    return lambda time: (
        end + (start - end) * (1.0 + math.cos(math.pi * min(time / last, 1.0))) / 2.0
    )


def cosine_restarts(peak: float, period: int) -> Callable[[float], float]:
    """Fall from `peak` toward 0 along half a cosine, again and again, for `callbacks.Snapshots`.

        peak / 2 (1 + cos(pi (time mod period) / period))

    The value never is 0: the next one is `peak`.

    >>> [round(cosine_restarts(1.0, 3)(epoch), 3) for epoch in range(5)]
    [1.0, 0.75, 0.25, 1.0, 0.75]

    Reference: Huang et al., Snapshot Ensembles, 2017, https://arxiv.org/abs/1704.00109
    """
    check_integer("period", period, minimum=1)
    return lambda time: peak * (1.0 + math.cos(math.pi * (time % period) / period)) / 2.0


def step(start: float, changes: Mapping[int, float]) -> Callable[[float], float]:
    """Begin with `start`, and change to the values in `changes` at their times.

    >>> [step(0.1, {2: 0.3, 4: 0.0})(epoch) for epoch in range(5)]
    [0.1, 0.1, 0.3, 0.3, 0.0]
    """
    times = sorted(changes, reverse=True)
    return lambda time: float(next((changes[at] for at in times if time >= at), start))


def early_dropout(rate: float, count: int, *, constant: bool = False) -> Callable[[float], float]:
    """Apply dropout in the first `count` epochs or steps only, to reduce underfitting.

    The rate falls linearly to 0, as the paper prefers, or is `constant` before it becomes 0.

    >>> [early_dropout(0.4, 3)(epoch) for epoch in range(5)]
    [0.4, 0.2, 0.0, 0.0, 0.0]
    >>> [early_dropout(0.4, 3, constant=True)(epoch) for epoch in range(5)]
    [0.4, 0.4, 0.4, 0.0, 0.0]

    Reference: Liu et al., Dropout Reduces Underfitting, 2023, https://arxiv.org/abs/2303.01500
    """
    return step(rate, {count: 0.0}) if constant else linear(rate, 0.0, count)


def late_dropout(rate: float, start: int) -> Callable[[float], float]:
    """Apply dropout from epoch or step `start` on only, to reduce overfitting.

    >>> [late_dropout(0.4, 2)(epoch) for epoch in range(4)]
    [0.0, 0.0, 0.4, 0.4]

    Reference: Liu et al., Dropout Reduces Underfitting, 2023, https://arxiv.org/abs/2303.01500
    """
    return step(0.0, {start: rate})


def _last(count: int) -> int:
    check_integer("count", count, minimum=2)
    return count - 1
