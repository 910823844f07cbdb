"""The trial server: serves the versions of a directory by TensorFlow Serving's APIs."""

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...core.checks import check_integer, check_number
from .grpc_server import GrpcServer
from .http_server import HttpServer
from .repository import Repository
from .request import Limits, address

_LOG = logging.getLogger(__name__)
_THREADS = 4  # for JSON and graphs; TensorFlow adds its own


class Server:
    """A server of the versions in a directory, for trials and for testing clients.

    The newest version answers, or the one with the label in the URL. New versions are picked up,
    and an old one stays until its requests are answered. For production, use TensorFlow Serving.

    Args:
        directory: The parent of the versions that `export` wrote.
        name: The name of the model in URLs. Defaults to the name of the directory.
        host: The address to listen on. Only this machine reaches the default.
        port: The port of the REST API; 0 is any free one.
        grpc_port: The port of the gRPC API, or `None` to disable it; 0 is any free one.
        blessed: Whether to refuse versions without a valid blessing.
        poll: The seconds between two looks for new versions.
        limits: The limits of requests.

    Raises:
        ImportError: If the extra `serve` is not installed.
        FileNotFoundError: If the directory does not exist or, in `start`, has no version to serve.
        OSError: In `start`, if the server cannot listen on an address.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> from occam.exports.serving import Server
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, task="classification")
    >>> Server(directory, name="iris").url
    'http://127.0.0.1:8501/v1/models/iris'

    Call `run` to serve until Ctrl-C.
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
        poll: float = 1.0,
        limits: Limits | None = None,
    ):
        try:
            for module in ("aiohttp",) if grpc_port is None else ("aiohttp", "grpc_health.v1"):
                importlib.import_module(module)
        except ImportError as error:
            raise ImportError(
                f"Serving needs the extra 'serve': pip install 'keras-occam[serve]' ({error})"
            ) from error
        check_integer("port", port, 0, 65535)
        check_integer("grpc_port", grpc_port, 0, 65535, optional=True)
        check_number("poll", poll, "(0, inf)")
        limits = limits or Limits()
        self.name = name or Path(directory).resolve().name
        self.host = host
        self._poll = poll
        self._repository = Repository(directory, self.name, blessed=blessed)
        self._pool = ThreadPoolExecutor(_THREADS, "occam-serving")
        self._http = HttpServer(self._repository, self._pool, host, port, limits)
        self._grpc = None
        if grpc_port is not None:
            self._grpc = GrpcServer(self._repository, self._pool, host, grpc_port, limits)
        self._servers = [server for server in (self._http, self._grpc) if server]

    @property
    def port(self) -> int:
        """The port of the REST API; after `start`, never 0."""
        return self._http.port

    @property
    def grpc_port(self) -> int | None:
        """The port of the gRPC API, or `None` if it is disabled."""
        return None if self._grpc is None else self._grpc.port

    @property
    def url(self) -> str:
        """The URL of the model."""
        return f"http://{address(self.host, self.port)}/v1/models/{self.name}"

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return self._repository.versions

    def run(self, started: Callable[[], object] | None = None) -> None:
        """Serve until SIGTERM or Ctrl-C, and call `started` when the server listens."""

        async def serve() -> None:
            loop, stopped = asyncio.get_running_loop(), asyncio.Event()
            await self.start()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stopped.set)
            if started:
                started()
            await stopped.wait()
            await self.stop()

        asyncio.run(serve())

    async def start(self) -> None:
        """Take the addresses, load the versions (which may take long), and start to answer."""
        try:
            for server in self._servers:
                await server.bind()
            await asyncio.to_thread(self._repository.refresh)
            if not self._repository.versions:
                reasons = [f"{s.version}: {s.error}" for s in self._repository.seen() if s.error]
                raise FileNotFoundError(
                    f"{self._repository.directory} has no version to serve: "
                    f"{'; '.join(reasons) or 'it is empty.'}"
                )
            for server in self._servers:
                await server.start()
        except BaseException:
            await self._close()
            raise
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Refuse new requests, answer those in flight, and release the versions."""
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await self._close()

    async def _close(self) -> None:
        await asyncio.gather(*(server.stop() for server in self._servers))
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll)
            refresh = asyncio.create_task(asyncio.to_thread(self._repository.refresh))
            try:
                await asyncio.shield(refresh)
            except asyncio.CancelledError:
                await refresh  # leave no thread behind that runs TensorFlow
                raise
            except Exception:
                _LOG.exception("looking for versions failed")
