"""`Server`: the versions of a directory behind TensorFlow Serving's APIs."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .address import Address
from .api import Api
from .grpc_server import GrpcServer
from .http_server import HttpServer
from .limits import Limits, check_positive
from .metrics import Metrics
from .repository import Repository

__all__ = ["Server"]

_LOG = logging.getLogger(__name__)
_THREADS = 4  # for JSON and graphs; TensorFlow has threads of its own


class Server:
    """Serves a directory of versions, for trying out and for smoke tests.

    The newest version answers, the labeled ones when they are asked for; new ones are picked up,
    and old ones stay until their requests are answered. Requests that wait at the same time are
    computed together, never those of two versions. Besides the API it has `/metrics`.

    Args:
        directory: the parent of the versions.
        name: what the model is called in URLs; None: the directory's name.
        host: the address to listen on; only this machine reaches the default.
        port: 0 is any free one.
        grpc_port: where gRPC is served, too; 0 is any free one, None serves none.
        blessed: whether versions without a blessing are refused.
        max_bytes: of a request's body; a larger one gets 413.
        timeout: seconds for a body to arrive (408) and for an answer to be computed (504).
        concurrency: requests that are read or answered at the same time; the next gets 429.
        batch_rows: rows of several requests that are computed together, at most.
        poll: seconds between two looks at the directory.
        grace: seconds that requests in flight have left when it stops.

    Attributes:
        name: the model's name.

    Raises:
        ImportError: the extra `serve` is not installed.
        FileNotFoundError: no such directory, or (from `start`) no version in it that can be served.
        OSError: (from `start`) an address is not of this machine, or not free.
        ValueError: a limit that is not positive, or a port that is none.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        name: str | None = None,
        host: str = "127.0.0.1",
        port: int = 8501,
        grpc_port: int | None = None,
        blessed: bool = True,
        max_bytes: int = 16 * 2**20,
        timeout: float = 30.0,
        concurrency: int = 64,
        batch_rows: int = 64,
        poll: float = 1.0,
        grace: float = 10.0,
    ):
        _check_extra(grpc_port is not None)
        limits = Limits(max_bytes, timeout, concurrency, grace)
        check_positive(batch_rows=batch_rows, poll=poll)
        _check_ports(port=port, grpc_port=grpc_port or 0)
        self.name = name or Path(directory).resolve().name
        self._poll = poll
        self._repository = Repository(directory, self.name, blessed=blessed)
        self._pool = ThreadPoolExecutor(_THREADS, "occam-serving")
        metrics = Metrics()
        api = Api(self._repository, self._pool, metrics, batch_rows)
        self._http = HttpServer(api, metrics, Address(host, port), limits)
        self._grpc = None
        if grpc_port is not None:
            self._grpc = GrpcServer(api, Address(host, grpc_port), limits)
        self._sides = [side for side in (self._http, self._grpc) if side is not None]

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._http.address.host

    @property
    def port(self) -> int:
        """Where it listens, once it is started."""
        return self._http.address.port

    @property
    def grpc_port(self) -> int | None:
        """The same of gRPC; None: it does not."""
        return None if self._grpc is None else self._grpc.address.port

    @property
    def url(self) -> str:
        """The URL of the model."""
        return f"http://{self._http.address}/v1/models/{self.name}"

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return self._repository.versions

    async def start(self) -> None:
        """Takes the addresses, loads what is there, which may take long, and answers."""
        try:
            for side in self._sides:
                await side.bind()
            await asyncio.to_thread(self._repository.refresh)
            if not self._repository.versions:
                raise FileNotFoundError(self._nothing())
            for side in self._sides:
                await side.start()
        except BaseException:
            await self._leave()
            raise
        self._watcher = asyncio.create_task(self._watch())

    async def _leave(self) -> None:
        """Refuses what is new, and waits for what is in flight."""
        await asyncio.gather(*(side.stop() for side in self._sides))
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def stop(self) -> None:
        """Listens no more, answers what is in flight, and lets go of the versions."""
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await self._leave()

    def run(self, started: Any = None) -> None:
        """Serves until SIGTERM or Ctrl-C.

        Args:
            started: is called without arguments as soon as it listens.
        """
        asyncio.run(self._until_signal(started))

    async def _until_signal(self, started: Any) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        await self.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        if started:
            started()
        await stopped.wait()
        await self.stop()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll)
            refresh = asyncio.create_task(asyncio.to_thread(self._repository.refresh))
            try:
                await asyncio.shield(refresh)
            except asyncio.CancelledError:
                await refresh  # no thread is left behind with TensorFlow in it
                raise
            except Exception:
                _LOG.exception("looking for versions failed")

    def _nothing(self) -> str:
        reasons = [
            f"{status.version}: {status.error}"
            for status in self._repository.seen()
            if status.error
        ]
        why = "; ".join(reasons) or "none there"
        return f"Expected a version to serve in {self._repository.directory}. Received: {why}"


def _check_extra(with_grpc: bool) -> None:
    grpc = ("grpc", "grpc_health.v1") if with_grpc else ()
    try:
        for module in ("aiohttp", "prometheus_client", *grpc):
            importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"Serving needs the extra 'serve': pip install 'keras-occam[serve]' ({error})"
        ) from error


def _check_ports(**ports: int) -> None:
    for name, port in ports.items():
        if not 0 <= port <= 65535:
            raise ValueError(f"{name} must be from 0 to 65535. Received: {name}={port}")
