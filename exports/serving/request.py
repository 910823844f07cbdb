"""The target of a request, its limits, and the error that answers a bad one."""

from dataclasses import dataclass
from typing import NamedTuple

from ...core.checks import check_integer, check_number


class Target(NamedTuple):
    """The model, version and method of a request; without version and label, the newest answers."""

    model: str
    version: int | None = None
    label: str | None = None
    method: str = "predict"  # or "metadata" or "status"


@dataclass(frozen=True)
class Limits:
    """Limits of the memory and the time that a server spends on its clients.

    Args:
        max_bytes: The size of the body of a request; a larger one gets 413.
        timeout: The seconds for a body to arrive (408) and for an answer to be computed (504).
        concurrency: The number of requests at the same time; one more gets 429.
        grace: The seconds for the requests in flight to end when the server stops.
    """

    max_bytes: int = 16 * 2**20
    timeout: float = 30.0
    concurrency: int = 64
    grace: float = 10.0

    def __post_init__(self):
        check_integer("max_bytes", self.max_bytes, 1)
        check_number("timeout", self.timeout, "(0, inf)")
        check_integer("concurrency", self.concurrency, 1)
        check_number("grace", self.grace, "(0, inf)")


class RequestError(Exception):
    """An error to answer a request with, and its HTTP status as TensorFlow Serving chooses it."""

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.message, self.status = message, status


def address(host: str, port: int) -> str:
    """Return a host and a port as URLs and gRPC write them.

    >>> address("::1", 8501)
    '[::1]:8501'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
