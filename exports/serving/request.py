"""What a request asks for, how large it may be, and the error that answers a bad one."""

from dataclasses import dataclass
from typing import NamedTuple

from tensorflow import errors

from ...core.checks import check_integer, check_number
from ..errors import reason

# TensorFlow Serving's HTTP status of what a graph may raise, http_server.cc.
_HTTP = {
    errors.INVALID_ARGUMENT: 400,
    errors.FAILED_PRECONDITION: 400,
    errors.OUT_OF_RANGE: 400,
    errors.NOT_FOUND: 404,
    errors.RESOURCE_EXHAUSTED: 429,
    errors.UNIMPLEMENTED: 501,
}


class Target(NamedTuple):
    """The method and the version of a model that a request asks for.

    Without a version and a label, the newest version answers.

    Args:
        model: Name of the model.
        version: Number of a version, or `None`.
        label: Label of a version, or `None`.
        method: `"predict"`, `"metadata"` or `"status"`.
    """

    model: str
    version: int | None = None
    label: str | None = None
    method: str = "predict"


@dataclass(frozen=True)
class Limits:
    """How much memory and time a server spends on its clients.

    Args:
        max_bytes: Size of the body of a request; a larger one gets 413.
        timeout: Seconds for a body to arrive (408) and for an answer to be computed (504).
        concurrency: Requests at the same time; one more gets 429.
        grace: Seconds that the requests in flight have left when the server stops.
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
    """A request that gets an error as its answer.

    Args:
        message: What was expected and what was received.
        status: HTTP status, as TensorFlow Serving chooses it.
    """

    def __init__(self, message: str, status: int = 400):
        super().__init__(message)
        self.message, self.status = message, status

    @classmethod
    def from_tensorflow(cls, error: errors.OpError) -> "RequestError":
        """Return the error that a graph raised, without TensorFlow's trace of the graph."""
        return cls(reason(error), _HTTP.get(error.error_code, 500))


def address(host: str, port: int) -> str:
    """Return a host and a port as URLs and gRPC write them.

    >>> address("::1", 8501)
    '[::1]:8501'
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
