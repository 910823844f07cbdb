"""The gRPC side of the trial server: Predict, GetModelMetadata, GetModelStatus and health."""

import asyncio
import math
import operator
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from importlib import import_module
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from ...core.checks import message
from ..servable import SIGNATURE
from .repository import Repository
from .request import Limits, RequestError, Target, address

# The messages of TensorFlow Serving, which type checkers cannot read.
predict_pb2 = import_module("tensorflow_serving.apis.predict_pb2")
metadata_pb2 = import_module("tensorflow_serving.apis.get_model_metadata_pb2")
status_pb2 = import_module("tensorflow_serving.apis.get_model_status_pb2")

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class GrpcServer:
    """TensorFlow Serving's gRPC API at an address; after `bind`, `port` is never 0."""

    def __init__(
        self, repository: Repository, pool: Executor, host: str, port: int, limits: Limits
    ):
        self._repository, self._pool, self._limits = repository, pool, limits
        self.host, self.port = host, port
        self._server: Any = None
        self._started = False

    async def bind(self) -> None:
        """Take the address without answering yet, or raise an `OSError`."""
        import grpc.aio
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        options = [
            ("grpc.max_receive_message_length", self._limits.max_bytes),
            ("grpc.so_reuseport", 0),  # two servers on one port would share the requests
        ]
        self._server = grpc.aio.server(
            options=options, maximum_concurrent_rpcs=self._limits.concurrency
        )
        prediction = {
            "Predict": self._handler(self._predict, predict_pb2.PredictRequest),
            "GetModelMetadata": self._handler(self._metadata, metadata_pb2.GetModelMetadataRequest),
        }
        model = {"GetModelStatus": self._handler(self._status, status_pb2.GetModelStatusRequest)}
        for service, methods in (("PredictionService", prediction), ("ModelService", model)):
            name = f"tensorflow.serving.{service}"
            handler = grpc.method_handlers_generic_handler(name, methods)
            self._server.add_generic_rpc_handlers((handler,))
        servicer = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue]
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        where = address(self.host, self.port)
        try:
            self.port = self._server.add_insecure_port(where)
        except RuntimeError as error:
            raise OSError(f"Could not listen on {where}: {error}") from None

    async def start(self) -> None:
        """Start to answer."""
        self._started = True
        await self._server.start()

    async def stop(self) -> None:
        """Refuse new requests, answer those in flight, and free the address."""
        if self._server is None:
            return
        if not self._started:
            await self.start()  # without it gRPC's `stop` does nothing
        await self._server.stop(self._limits.grace)

    def _handler(self, behavior: Callable[[Any], Awaitable[Any]], request_type: Any) -> Any:
        import grpc

        async def answer(request: bytes, context: Any) -> Any:
            try:  # parse here: gRPC would log the failure of a deserializer with a traceback
                async with asyncio.timeout(self._limits.timeout):
                    return await behavior(request_type.FromString(request))
            except DecodeError as raised:
                error = RequestError(f"Malformed message: {raised}")
            except TimeoutError:
                error = RequestError(f"Not computed within {self._limits.timeout:g} seconds", 504)
            except RequestError as raised:
                error = raised
            code = grpc.StatusCode[_CODES.get(error.status, "INTERNAL")]
            return await context.abort(code, error.message)

        serialize: Any = operator.methodcaller("SerializeToString")
        return grpc.unary_unary_rpc_method_handler(answer, response_serializer=serialize)

    async def _predict(self, request: Any) -> Any:
        version = self._repository.get(_target(request.model_spec))
        name = request.model_spec.signature_name or SIGNATURE
        specs = version.inputs(name)
        if set(request.inputs) != set(specs):
            raise RequestError(message("inputs", sorted(request.inputs), f"{sorted(specs)}"))
        arrays = {key: _array(request.inputs[key], specs[key], self._limits) for key in specs}
        loop = asyncio.get_running_loop()
        outputs = await loop.run_in_executor(self._pool, version.answer, name, arrays)
        names = list(request.output_filter) or list(outputs)
        if not set(names) <= set(outputs):
            raise RequestError(
                message("output_filter", names, f"among {', '.join(sorted(outputs))}")
            )
        response = predict_pb2.PredictResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.signature_name = name
        response.model_spec.version.value = version.number
        for key in names:
            proto = tf.make_tensor_proto(outputs[key], shape=outputs[key].shape)
            response.outputs[key].CopyFrom(proto)
        return response

    async def _metadata(self, request: Any) -> Any:
        fields = list(request.metadata_field)
        if fields != ["signature_def"]:
            raise RequestError(message("metadata_field", fields, "['signature_def']"))
        version = self._repository.get(_target(request.model_spec))
        response = metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version.number
        signatures = metadata_pb2.SignatureDefMap()
        for name, definition in version.definitions.items():
            signatures.signature_def[name].CopyFrom(definition)
        response.metadata["signature_def"].Pack(signatures)
        return response

    async def _status(self, request: Any) -> Any:
        response = status_pb2.GetModelStatusResponse()
        for status in self._repository.statuses(_target(request.model_spec)):
            entry = response.model_version_status.add(version=status.version)
            entry.state = status_pb2.ModelVersionStatus.State.Value(status.state)
            entry.status.error_code = 2 if status.error else 0  # UNKNOWN, OK
            entry.status.error_message = status.error
        return response


def _target(spec: Any) -> Target:
    version = spec.version.value if spec.HasField("version") else None
    return Target(spec.name, version, spec.version_label or None)


def _array(proto: Any, spec: tf.TensorSpec, limits: Limits) -> np.ndarray:
    """Return the array of a `TensorProto`, whose few bytes may stand for an array of any size."""
    if proto.dtype != spec.dtype.as_datatype_enum:
        raise RequestError(f"`{spec.name}` must be {spec.dtype.name}. Received: type {proto.dtype}")
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    known = not proto.tensor_shape.unknown_rank and min(shape, default=0) >= 0
    if not known or not spec.shape.is_compatible_with(shape):
        expected = f"`{spec.name}` must have the shape {spec.shape} (None: any)"
        raise RequestError(f"{expected}. Received: shape {shape}")
    if math.prod(shape) * (8 if spec.dtype == tf.string else spec.dtype.size) > limits.max_bytes:
        expected = f"`{spec.name}` must have at most {limits.max_bytes} bytes"
        raise RequestError(f"{expected}. Received: shape {shape}")
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise RequestError(f"Malformed tensor `{spec.name}`: {error}") from error
