"""The target of a request, its limits, and the error that answers a bad one."""

from dataclasses import dataclass
from typing import NamedTuple

from tensorflow import errors

from ...core.checks import check_integer, check_number
from ..errors import reason

# TensorFlow Serving's HTTP status of each error of a graph, http_server.cc.
_HTTP = {
    errors.INVALID_ARGUMENT: 400,
    errors.FAILED_PRECONDITION: 400,
    errors.OUT_OF_RANGE: 400,
    errors.NOT_FOUND: 404,
    errors.RESOURCE_EXHAUSTED: 429,
    errors.UNIMPLEMENTED: 501,
}


class Target(NamedTuple):
    """The model, the version and the method of a request.

    Without a number and a label of a version, the newest answers. The method is `"predict"`,
    `"metadata"` or `"status"`.
    """

    model: str
    version: int | None = None
    label: str | None = None
    method: str = "predict"


@dataclass(frozen=True)
class Limits:
    """Limits of the memory and the time that a server spends on its clients.

    Args:
        max_bytes: Size of the body of a request; a larger one gets 413.
        timeout: Seconds for a body to arrive (408) and for an answer to be computed (504).
        concurrency: Requests at the same time; one more gets 429.
        grace: Seconds for the requests in flight to end when the server stops.
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

    @classmethod
    def from_tensorflow(cls, error: errors.OpError) -> "RequestError":
        """Return the error of a graph, without TensorFlow's trace."""
        return cls(reason(error), _HTTP.get(error.error_code, 500))


def address(host: str, port: int) -> str:
    """Return a host and a port as URLs and gRPC write them.

    >>> address("::1", 8501)
    '[::1]:8501'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
