"""`occam serve`."""

import dataclasses
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .command import Command

if TYPE_CHECKING:
    from ..exports.serving import Server

__all__ = ["Serve"]


@dataclasses.dataclass(kw_only=True)
class Serve(Command):
    """Answer requests from an export, as TensorFlow Serving does.

    For trying out and for smoke tests. New versions and labels are picked up; Ctrl-C or SIGTERM
    stops it after the requests in flight.
    """

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the versions."""

    port: int = 8501
    """Port to listen on; 0 is any free one."""

    grpc_port: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: no gRPC)")
    ] = None
    """Port of TensorFlow Serving's gRPC API; 0 is any free one."""

    host: str = "127.0.0.1"
    """Address to listen on; only this machine reaches the default."""

    name: Annotated[
        str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="(default: the directory's)")
    ] = None
    """Name of the model in URLs."""

    unblessed: tyro.conf.FlagCreatePairsOff[bool] = False
    """Serve versions without a blessing, too."""

    max_bytes: int = 16 * 2**20
    """Size of a request's body; a larger one gets 413."""

    timeout: float = 30.0
    """Seconds for a request to arrive, and to be answered."""

    concurrency: int = 64
    """Requests at the same time; the next gets 429."""

    batch_rows: int = 64
    """Rows of several requests that are computed together, at most."""

    poll: float = 1.0
    """Seconds between two looks for new versions."""

    def run(self) -> None:
        """Serves until it is stopped, and says so."""
        from ..exports.serving import Server

        logging.basicConfig(stream=sys.stderr, format="occam: %(message)s")
        logging.getLogger("occam.exports.serving").setLevel(logging.INFO)
        server = Server(
            self.directory,
            name=self.name,
            host=self.host,
            port=self.port,
            grpc_port=self.grpc_port,
            blessed=not self.unblessed,
            max_bytes=self.max_bytes,
            timeout=self.timeout,
            concurrency=self.concurrency,
            batch_rows=self.batch_rows,
            poll=self.poll,
        )
        server.run(lambda: print(self._where(server), flush=True))
        print("stopped")

    def _where(self, server: "Server") -> str:
        grpc = "" if server.grpc_port is None else f", gRPC on port {server.grpc_port}"
        return f"{server.url} serves {self.directory}{grpc}; Ctrl-C stops it"
