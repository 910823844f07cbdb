"""The error of an export that was refused."""

__all__ = ["ExportError"]


class ExportError(ValueError):
    """The model cannot be served as it should be; nothing was published."""
