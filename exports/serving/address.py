"""`Address`: where a server listens."""

from dataclasses import dataclass

__all__ = ["Address"]


@dataclass(frozen=True)
class Address:
    """Where a server listens, as URLs and gRPC write it.

    Args:
        host: a name or a number of this machine.
        port: 0 is any free one.

    >>> str(Address("::1", 8501))
    '[::1]:8501'
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
