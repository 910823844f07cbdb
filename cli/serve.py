"""`occam serve`."""

import dataclasses
import logging
import sys
from typing import Annotated

import tyro

from .command import Command, VersionsDirectory


@dataclasses.dataclass(kw_only=True)
class ServeCommand(Command):
    """Answer requests from an export, as TensorFlow Serving does.

    For trials and for testing clients. New versions and labels are picked up; Ctrl-C or SIGTERM
    stops it after the requests in flight.
    """

    directory: VersionsDirectory

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

    unblessed: bool = False
    """Serve versions without a blessing, too."""

    max_bytes: int = 16 * 2**20
    """Maximum size of a request's body; a larger one gets 413."""

    timeout: float = 30.0
    """Seconds for a request to arrive, and to be answered."""

    concurrency: int = 64
    """Maximum number of requests at the same time; one more gets 429."""

    poll: float = 1.0
    """Seconds between two looks for new versions."""

    def run(self) -> None:
        from ..exports.serving import Limits, Server

        logging.basicConfig(stream=sys.stderr, format="occam: %(message)s")
        logging.getLogger("occam.exports.serving").setLevel(logging.INFO)
        server = Server(
            self.directory,
            name=self.name,
            host=self.host,
            port=self.port,
            grpc_port=self.grpc_port,
            blessed=not self.unblessed,
            poll=self.poll,
            limits=Limits(self.max_bytes, self.timeout, self.concurrency),
        )

        def started() -> None:
            grpc = "" if server.grpc_port is None else f", gRPC on port {server.grpc_port}"
            print(f"{server.url} serves {self.directory}{grpc}; Ctrl-C stops it", flush=True)

        server.run(started)
        print("stopped")
