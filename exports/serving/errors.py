"""`RequestError`: what is wrong with a request, and the HTTP status that says so."""

from tensorflow import errors

from ..errors import reason

__all__ = ["RequestError"]

# TensorFlow Serving's mapping of TensorFlow's codes to HTTP, http_server.cc.
_HTTP = {
    errors.CANCELLED: 499,
    errors.INVALID_ARGUMENT: 400,
    errors.FAILED_PRECONDITION: 400,
    errors.OUT_OF_RANGE: 400,
    errors.DEADLINE_EXCEEDED: 504,
    errors.NOT_FOUND: 404,
    errors.ALREADY_EXISTS: 409,
    errors.ABORTED: 409,
    errors.PERMISSION_DENIED: 403,
    errors.UNAUTHENTICATED: 401,
    errors.RESOURCE_EXHAUSTED: 429,
    errors.UNIMPLEMENTED: 501,
    errors.UNAVAILABLE: 503,
}


class RequestError(Exception):
    """A request that gets an error as its answer.

    Args:
        status: the HTTP status, as TensorFlow Serving chooses it.
        message: what was expected and what was received.
    """

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status
        self.message = message

    @classmethod
    def of(cls, error: errors.OpError) -> "RequestError":
        """What TensorFlow said while the graph ran, without its trace of the graph."""
        return cls(_HTTP.get(error.error_code, 500), reason(error))
