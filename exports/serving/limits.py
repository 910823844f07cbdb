"""`Limits`: how much of a server's time and memory its clients get."""

import math
from dataclasses import dataclass

__all__ = ["Limits", "check_positive"]


@dataclass(frozen=True)
class Limits:
    """How much of a server's time and memory its clients get.

    Args:
        max_bytes: of a request.
        timeout: seconds for a request to arrive, and for an answer to be computed.
        concurrency: requests at the same time.
        grace: seconds that requests in flight have left when the server stops.

    Raises:
        ValueError: one is not positive.
    """

    max_bytes: int
    timeout: float
    concurrency: int
    grace: float

    def __post_init__(self):
        check_positive(**vars(self))


def check_positive(**limits: float) -> None:
    """Refuses, by its name, what is not a positive, finite number.

    Raises:
        ValueError: as said.
    """
    for name, value in limits.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive. Received: {name}={value}")
