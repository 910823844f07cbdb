"""The REST side of the trial server."""

import asyncio
import logging
from collections.abc import Awaitable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from ..errors import reason
from . import rest
from .repository import Repository
from .request import Limits, RequestError, Target, address

if TYPE_CHECKING:
    from aiohttp import web

_LOG = logging.getLogger(__name__)


class HttpServer:
    """TensorFlow Serving's REST API at an address; after `bind`, `port` is never 0."""

    def __init__(
        self, repository: Repository, pool: Executor, host: str, port: int, limits: Limits
    ):
        self._repository, self._pool, self._limits = repository, pool, limits
        self.host, self.port = host, port
        self._in_flight = 0
        self._listener: Any = None

    async def bind(self) -> None:
        """Take the address without answering yet, or raise an `OSError`."""
        from aiohttp import web

        app = web.Application(client_max_size=self._limits.max_bytes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, logger=_PROTOCOL_LOG, shutdown_timeout=self._limits.grace
        )
        await self._runner.setup()
        protocol: Any = self._runner.server
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                protocol, self.host, self.port, start_serving=False
            )
        except OSError as error:
            await self._runner.cleanup()
            where = address(self.host, self.port)
            raise OSError(f"Could not listen on {where}: {error.strerror or error}") from None
        self.port = self._listener.sockets[0].getsockname()[1]

    async def start(self) -> None:
        """Start to answer."""
        await self._listener.start_serving()

    async def stop(self) -> None:
        """Refuse new requests, answer those in flight, and free the address."""
        if self._listener is not None:
            self._listener.close()
            await self._runner.cleanup()

    async def _handle(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        path = request.raw_path.partition("?")[0]
        status = 200
        try:
            if not path.lower().startswith("/v1/"):
                raise RequestError(f"Not found: {path[:200]}. Models are under /v1/models.", 404)
            body = await self._answer(request, rest.parse_target(request.method, path))
        except RequestError as error:
            status, body = error.status, rest.dumps({"error": error.message})
        except Exception as error:
            _LOG.exception("%s %s failed", request.method, path)
            status, body = 500, rest.dumps({"error": f"{type(error).__name__}: {error}"})
        return web.Response(body=body, status=status, content_type="application/json")

    async def _answer(self, request: "web.Request", target: Target) -> bytes:
        if self._in_flight >= self._limits.concurrency:
            raise RequestError(f"More than {self._limits.concurrency} requests at a time", 429)
        self._in_flight += 1
        try:
            body = await self._body(request)
            if target.method == "status":
                return rest.status(self._repository.statuses(target))
            version = self._repository.get(target)
            if target.method == "metadata":
                return rest.metadata(version, target.model)
            loop = asyncio.get_running_loop()
            answer = loop.run_in_executor(self._pool, rest.predict, version, body)
            return await self._in_time(504, "computed", answer)
        finally:
            self._in_flight -= 1

    async def _body(self, request: "web.Request") -> bytes:
        from aiohttp import ClientPayloadError, web

        too_large = RequestError(f"The body is larger than {self._limits.max_bytes} bytes", 413)
        if (request.content_length or 0) > self._limits.max_bytes:
            raise too_large
        try:
            return await self._in_time(408, "received", request.read())
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except (web.RequestPayloadError, ClientPayloadError) as error:
            raise RequestError(f"Malformed body: {error}") from None
        except OSError as error:
            _LOG.debug("a client disconnected in the middle of its body: %s", reason(error))
            raise RequestError("The client closed the connection", 499) from None  # nobody reads it

    async def _in_time(self, status: int, done: str, work: Awaitable[bytes]) -> bytes:
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await work
        except TimeoutError:
            seconds = f"{self._limits.timeout:g} seconds"
            raise RequestError(f"Not {done} within {seconds}", status) from None


def _is_server_error(record: logging.LogRecord) -> bool:
    """Return `False` for the mistakes of clients, which aiohttp logs with a traceback."""
    from aiohttp import web
    from aiohttp.http import HttpProcessingError

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError | OSError):
        _LOG.debug("a malformed request: %s", reason(error))
        return False
    return True


_PROTOCOL_LOG = logging.getLogger(f"{__name__}.aiohttp")
_PROTOCOL_LOG.addFilter(_is_server_error)
