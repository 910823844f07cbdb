"""`Server`: the versions of a directory behind TensorFlow Serving's REST API."""

import asyncio
import contextlib
import importlib
import logging
import math
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import json_output
from .api import Api
from .errors import RequestError
from .grpc_server import GrpcServer
from .metrics import Metrics
from .repository import Repository
from .target import Target

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["Server"]

_LOG = logging.getLogger(__name__)
_METRICS = ("/metrics", "/monitoring/prometheus/metrics")  # the second: TensorFlow Serving's
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
        port: where it listens, once it is started.
        grpc_port: the same of gRPC; None: it does not.

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
        _check_positive(
            max_bytes=max_bytes,
            timeout=timeout,
            concurrency=concurrency,
            batch_rows=batch_rows,
            poll=poll,
            grace=grace,
        )
        _check_ports(port=port, grpc_port=grpc_port or 0)
        self.name = name or Path(directory).resolve().name
        self.host, self.port = host, port
        self._repository = Repository(directory, self.name, blessed=blessed)
        self._max_bytes, self._timeout, self._grace = max_bytes, timeout, grace
        self._concurrency, self._poll = concurrency, poll
        self._metrics = Metrics()
        self._pool = ThreadPoolExecutor(_THREADS, "occam-serving")
        self._api = Api(self._repository, self._pool, self._metrics, batch_rows)
        self._in_flight = 0
        self.grpc_port = grpc_port
        self._grpc: GrpcServer | None = None
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The URL of the model."""
        return f"http://{self._url_host}:{self.port}/v1/models/{self.name}"

    @property
    def _url_host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def versions(self) -> list[int]:
        """The numbers of the versions that are served."""
        return self._repository.versions

    async def start(self) -> None:
        """Takes the address, loads what is there, which may take long, and listens."""
        try:
            listener = await self._bind()
            await asyncio.to_thread(self._repository.refresh)
            if not self._repository.versions:
                raise FileNotFoundError(self._nothing())
            await listener.start_serving()
            if self._grpc is not None:
                await self._grpc.start()
        except OSError:
            await self._unlisten()
            raise
        self._watcher = asyncio.create_task(self._watch())

    async def _bind(self) -> asyncio.Server:
        from aiohttp import web

        app = web.Application(client_max_size=self._max_bytes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=self._grace)
        await self._runner.setup()
        self._listener = await self._bound(self._runner.server)
        self.port = self._listener.sockets[0].getsockname()[1]
        if self.grpc_port is not None:
            address = f"{self._url_host}:{self.grpc_port}"
            limits = (self._max_bytes, self._timeout, self._concurrency)
            self._grpc = GrpcServer(self._api, address, *limits)
            await self._grpc.bind()
            self.grpc_port = self._grpc.port
        return self._listener

    async def _bound(self, protocol: Any) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(protocol, self.host, self.port, start_serving=False)
        except OSError as error:
            raise OSError(
                f"Expected a free address. Received: {self._url_host}:{self.port}, "
                f"{error.strerror or error}"
            ) from None

    async def _unlisten(self) -> None:
        """Refuses what is new, and waits for what is in flight."""
        if self._grpc is not None:
            await self._grpc.stop(self._grace)
        if self._listener is not None:
            self._listener.close()
        await self._runner.cleanup()
        await self._close_pool()

    async def stop(self) -> None:
        """Listens no more, answers what is in flight, and lets go of the versions."""
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        await self._unlisten()

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

    async def _close_pool(self) -> None:
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

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

    async def _handle(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        path = request.raw_path.partition("?")[0]
        if path in _METRICS and request.method == "GET":
            text = self._metrics.text(self._repository.versions)
            return web.Response(body=text, content_type="text/plain", charset="utf-8")
        started = time.perf_counter()
        method, status, body = await self._answer(request, path)
        self._metrics.count(method, status)
        self._metrics.seconds.observe(time.perf_counter() - started)
        return web.Response(body=body, status=status, content_type="application/json")

    async def _answer(self, request: "web.Request", path: str) -> tuple[str, int, bytes]:
        """The method that was asked for, the HTTP status and the body."""
        method = "unknown"
        try:
            if not path.lower().startswith("/v1/"):
                raise RequestError(404, f"Expected a path under /v1/models. Received: {path[:200]}")
            target = Target.parse(request.method, path)
            method = target.method
            return method, 200, await self._admitted(request, target)
        except RequestError as error:
            return method, error.status, _error(error.message)
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, path)
            return method, 500, _error(f"{type(error).__name__}: {error}")

    async def _admitted(self, request: "web.Request", target: Target) -> bytes:
        if self._in_flight >= self._concurrency:
            raise RequestError(
                429, f"Expected at most {self._concurrency} requests at a time. Received: one more"
            )
        self._in_flight += 1
        self._metrics.in_flight.set(self._in_flight)
        try:
            body = await self._body(request)
            return await self._in_time(504, "computed", self._api.answer(target, body))
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.set(self._in_flight)

    async def _body(self, request: "web.Request") -> bytes:
        from aiohttp import ClientPayloadError, web

        too_large = RequestError(413, f"Expected a body of at most {self._max_bytes} bytes.")
        if (request.content_length or 0) > self._max_bytes:
            raise too_large
        try:
            return await self._in_time(408, "received", request.read())
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except (web.RequestPayloadError, ClientPayloadError) as error:
            raise RequestError(400, f"Malformed body: {error}") from None

    async def _in_time(self, status: int, what: str, work: Any) -> Any:
        try:
            async with asyncio.timeout(self._timeout):
                return await work
        except TimeoutError:
            raise RequestError(status, f"Not {what} within {self._timeout:g} seconds") from None


def _error(message: str) -> bytes:
    return json_output.dumps({"error": message})


def _check_extra(with_grpc: bool) -> None:
    grpc = ("grpc", "grpc_health.v1") if with_grpc else ()
    try:
        for module in ("aiohttp", "prometheus_client", *grpc):
            importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"Serving needs the extra 'serve': pip install 'keras-occam[serve]' ({error})"
        ) from error


def _check_positive(**limits: float) -> None:
    for name, value in limits.items():
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"{name} must be positive. Received: {name}={value}")


def _check_ports(**ports: int) -> None:
    for name, port in ports.items():
        if not 0 <= port <= 65535:
            raise ValueError(f"{name} must be from 0 to 65535. Received: {name}={port}")
