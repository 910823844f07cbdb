"""`make_smoothing`: the noise of a curve taken out before it is judged."""

import statistics

__all__ = ["ExponentialAverage", "MovingMedian", "make_smoothing"]


class ExponentialAverage:
    """Gives the newest value x the weight w:  s = w x + (1 - w) s,  from s = the first value.

    >>> smooth = ExponentialAverage(0.5)
    >>> [smooth.push(x) for x in (4.0, 2.0, 2.0)]
    [4.0, 3.0, 2.5]
    """

    def __init__(self, weight: float):
        self.weight = weight
        self.state: list[float] = []

    def peek(self, value: float) -> float:
        """What `push` would return, without taking the value in."""
        return self.weight * value + (1 - self.weight) * self.state[0] if self.state else value

    def push(self, value: float) -> float:
        """Takes the next value in, and returns the smoothed one."""
        self.state = [self.peek(value)]
        return self.state[0]


class MovingMedian:
    """The median of the last n values, or of all of them while there are fewer.

    >>> smooth = MovingMedian(3)
    >>> [smooth.push(x) for x in (4.0, 2.0, 9.0, 1.0)]
    [4.0, 3.0, 4.0, 2.0]
    """

    def __init__(self, window: int):
        self.window = window
        self.state: list[float] = []

    def peek(self, value: float) -> float:
        """What `push` would return, without taking the value in."""
        return statistics.median(self._with(value))

    def push(self, value: float) -> float:
        """Takes the next value in, and returns the smoothed one."""
        self.state = self._with(value)
        return statistics.median(self.state)

    def _with(self, value: float) -> list[float]:
        return [*self.state, value][-self.window :]


def make_smoothing(smooth: str | None) -> ExponentialAverage | MovingMedian:
    """The smoothing that a text names: "ema:0.3", "median:5", or None for the values as they are.

    Raises:
        ValueError: another text, a weight outside (0, 1], or a window below 1.

    >>> make_smoothing("median:5").window
    5
    """
    kind, _, number = ("ema:1" if smooth is None else str(smooth)).partition(":")
    try:
        if kind == "ema" and 0 < float(number) <= 1:
            return ExponentialAverage(float(number))
        if kind == "median" and int(number) >= 1:
            return MovingMedian(int(number))
    except ValueError:  # no number: refused below
        pass
    raise ValueError(
        "smooth must be 'ema:w' with a weight 0 < w <= 1, or 'median:n' of the last n >= 1 "
        f"values. Received: smooth={smooth!r}"
    )
