"""`HttpServer`: TensorFlow Serving's REST API, and `/metrics`, at an address."""

import asyncio
import dataclasses
import logging
import time
from typing import TYPE_CHECKING, Any

from ..errors import reason
from . import json_output
from .address import Address
from .api import Api
from .errors import RequestError
from .limits import Limits
from .metrics import Metrics
from .target import Target

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["HttpServer"]

_LOG = logging.getLogger(__name__)
_GONE = 499  # nginx' code for a client that closed the connection; nobody sees it but the metrics
_METRICS = ("/metrics", "/monitoring/prometheus/metrics")  # the second: TensorFlow Serving's


class HttpServer:
    """The REST side of a `Server`.

    Args:
        api: what answers.
        metrics: what is counted.
        address: to listen on.
        limits: of requests; too large a body gets 413, one that does not arrive 408, an answer that
            takes too long 504, one request too many 429.

    Attributes:
        address: with the real port, once it is bound.
    """

    def __init__(self, api: Api, metrics: Metrics, address: Address, limits: Limits):
        self._api, self._metrics, self._limits = api, metrics, limits
        self.address = address
        self._in_flight = 0
        self._listener: asyncio.Server | None = None

    async def bind(self) -> None:
        """Takes the address; nobody is answered yet.

        Raises:
            OSError: it is not of this machine, or not free.
        """
        from aiohttp import web

        app = web.Application(client_max_size=self._limits.max_bytes)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_PROTOCOL_LOG,
            shutdown_timeout=self._limits.grace,
        )
        await self._runner.setup()
        protocol: Any = self._runner.server
        loop, (host, port) = asyncio.get_running_loop(), dataclasses.astuple(self.address)
        try:
            listener = await loop.create_server(protocol, host, port, start_serving=False)
        except OSError as error:
            await self._runner.cleanup()
            raise OSError(
                f"Expected a free address. Received: {self.address}, {error.strerror or error}"
            ) from None
        self._listener = listener
        self.address = Address(host, listener.sockets[0].getsockname()[1])

    async def start(self) -> None:
        """Answers."""
        if self._listener is None:
            raise RuntimeError("Expected an address that was bound. Received: none")
        await self._listener.start_serving()

    async def stop(self) -> None:
        """Refuses what is new, waits for what is in flight, and leaves the address."""
        if self._listener is not None:
            self._listener.close()
            await self._runner.cleanup()

    async def _handle(self, request: "web.Request") -> "web.Response":
        from aiohttp import web

        path = request.raw_path.partition("?")[0]
        if path in _METRICS and request.method == "GET":
            text = self._metrics.text(self._api.versions)
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
        most = self._limits.concurrency
        if self._in_flight >= most:
            message = f"Expected at most {most} requests at a time. Received: one more"
            raise RequestError(429, message)
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

        too_large = RequestError(413, f"Expected a body of at most {self._limits.max_bytes} bytes.")
        if (request.content_length or 0) > self._limits.max_bytes:
            raise too_large
        try:
            return await self._in_time(408, "received", request.read())
        except web.HTTPRequestEntityTooLarge:
            raise too_large from None
        except (web.RequestPayloadError, ClientPayloadError) as error:
            raise RequestError(400, f"Malformed body: {error}") from None
        except OSError as error:
            _LOG.debug("a client went away in the middle of its body: %s", reason(error))
            raise RequestError(_GONE, "The client closed the connection") from None

    async def _in_time(self, status: int, what: str, work: Any) -> Any:
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await work
        except TimeoutError:
            raise RequestError(
                status, f"Not {what} within {self._limits.timeout:g} seconds"
            ) from None


def _error(message: str) -> bytes:
    return json_output.dumps({"error": message})


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a record of aiohttp, which logs clients' mistakes with a traceback, is about us."""
    from aiohttp import web
    from aiohttp.http import HttpProcessingError

    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError | web.RequestPayloadError | OSError):
        _LOG.debug("a malformed request: %s", reason(error))
        return False
    return True


_PROTOCOL_LOG = logging.getLogger(f"{__name__}.aiohttp")
_PROTOCOL_LOG.addFilter(_is_ours)
