"""The one error of the data part."""

__all__ = ["DataError"]


class DataError(ValueError):
    """Data that cannot be used; the message names the source, the field and what is wrong."""
