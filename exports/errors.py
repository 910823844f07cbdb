"""The error of an export that was refused, and what other errors say in one line."""

import re

__all__ = ["ExportError", "reason"]

_TRACE = ("Graph execution error", "Detected at node", "File ", "Node:", "<stack traces", "Stack")
_COLOR = re.compile(r"\x1b\[\d+m")  # Keras writes some messages in bold
_LONGEST = 500


class ExportError(ValueError):
    """The model cannot be served as it should be; nothing was published."""


def reason(error: BaseException) -> str:
    """Return the kind and the message of an exception in one line, without TensorFlow's trace.

    The message of an `ExportError` says all that is to be said.
    """
    if isinstance(error, ExportError):
        return str(error)
    lines = [line.strip() for line in str(getattr(error, "message", error)).splitlines()]
    if hasattr(error, "message"):  # TensorFlow's: the first line that is not of the trace
        lines = [line for line in lines if line and not line.startswith(_TRACE)][:1]
    message = _COLOR.sub("", " ".join(" ".join(lines).split()))[:_LONGEST]
    return f"{type(error).__name__}: {message or 'no message'}"
