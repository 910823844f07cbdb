"""`ExportError`, and any error in one line."""

import re

_TRACE = ("Graph execution error", "Detected at node", "File ", "Node:", "<stack traces", "Stack")
_COLOR = re.compile(r"\x1b\[\d+m")  # Keras writes some messages in bold
_LONGEST = 500


class ExportError(ValueError):
    """An error that prevents an export or the use of a version; nothing was published.

    Example:

    >>> import keras
    >>> from occam import exports
    >>> exports.export(keras.layers.Dense(3), "exports")
    Traceback (most recent call last):
    occam.exports.errors.ExportError: `model` must be a keras.Model. Received: Dense
    """


def reason(error: BaseException) -> str:
    """Describe an exception in one line: class and message, or the message of an `ExportError`."""
    if isinstance(error, ExportError):
        return str(error)
    lines = [line.strip() for line in str(getattr(error, "message", error)).splitlines()]
    if hasattr(error, "message"):  # from TensorFlow: keep the first line outside of the trace
        lines = [line for line in lines if line and not line.startswith(_TRACE)][:1]
    message = _COLOR.sub("", " ".join(" ".join(lines).split()))[:_LONGEST]
    return f"{type(error).__name__}: {message or 'no message'}"
