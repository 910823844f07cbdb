"""`GrpcServer`: Predict, GetModelMetadata, GetModelStatus and health, as TensorFlow Serving's."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from .address import Address
from .api import Api
from .errors import RequestError
from .json_input import SIGNATURE
from .limits import Limits
from .target import Target
from .tensor_input import arrays_of
from .version import Version

__all__ = ["GrpcServer"]

_CODES = {
    400: "INVALID_ARGUMENT",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_PROTOS = ("get_model_metadata", "get_model_status", "predict")
_SERVICE = "tensorflow.serving"


class GrpcServer:
    """The gRPC side of a `Server`, in the same event loop and with the same versions.

    Args:
        api: what answers.
        address: to listen on.
        limits: of requests; one too many gets RESOURCE_EXHAUSTED.

    Attributes:
        address: with the real port, once it is bound.
    """

    def __init__(self, api: Api, address: Address, limits: Limits):
        self._api, self._limits = api, limits
        self.address = address
        self._server: Any = None
        self._started = False

    async def bind(self) -> None:
        """Takes the address; nobody is answered yet.

        Raises:
            OSError: it is not free.
        """
        import grpc.aio
        from grpc_health.v1 import health, health_pb2, health_pb2_grpc

        options = [
            ("grpc.max_receive_message_length", self._limits.max_bytes),
            ("grpc.so_reuseport", 0),  # two servers on one port would share the requests
        ]
        self._server = grpc.aio.server(
            options=options, maximum_concurrent_rpcs=self._limits.concurrency
        )
        self._server.add_generic_rpc_handlers(self._handlers())
        servicer = health.aio.HealthServicer()  # pyright: ignore[reportAttributeAccessIssue]
        health_pb2_grpc.add_HealthServicer_to_server(servicer, self._server)
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        try:
            port = self._server.add_insecure_port(str(self.address))
        except RuntimeError as error:
            raise OSError(f"Expected a free address. Received: {self.address}, {error}") from None
        self.address = Address(self.address.host, port)

    async def start(self) -> None:
        """Answers."""
        self._started = True
        await self._server.start()

    async def stop(self) -> None:
        """Refuses what is new, waits for what is in flight, and leaves the address."""
        if self._server is None:
            return
        if not self._started:
            await self.start()  # without it gRPC's `stop` does nothing
        await self._server.stop(self._limits.grace)

    def _handlers(self) -> tuple[Any, ...]:
        import grpc

        get_model_metadata_pb2, get_model_status_pb2, predict_pb2 = map(_protos, _PROTOS)

        def method(behavior: Any, request: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                self._guarded(behavior, request), response_serializer=_serialized
            )

        prediction = {
            "Predict": method(self._predict, predict_pb2.PredictRequest),
            "GetModelMetadata": method(
                self._metadata, get_model_metadata_pb2.GetModelMetadataRequest
            ),
        }
        model = {"GetModelStatus": method(self._status, get_model_status_pb2.GetModelStatusRequest)}
        services = {"PredictionService": prediction, "ModelService": model}
        return tuple(
            grpc.method_handlers_generic_handler(f"{_SERVICE}.{name}", methods)
            for name, methods in services.items()
        )

    def _guarded(self, behavior: Callable[[Any], Awaitable[Any]], message: Any) -> Any:
        import grpc

        async def answer(request: bytes, context: Any) -> Any:
            try:
                async with asyncio.timeout(self._limits.timeout):
                    return await behavior(_parsed(message, request))
            except TimeoutError:
                error = RequestError(504, f"Not computed within {self._limits.timeout:g} seconds")
            except RequestError as raised:
                error = raised
            code = grpc.StatusCode[_CODES.get(error.status, "INTERNAL")]
            return await context.abort(code, error.message)

        return answer

    async def _predict(self, request: Any) -> Any:
        predict_pb2 = _protos("predict")
        version = self._api.version(_target(request.model_spec))
        name = request.model_spec.signature_name or SIGNATURE
        signature = version.signature(name)
        arrays = arrays_of(request.inputs, signature.inputs, self._limits.max_bytes)
        outputs = await self._api.run(version, name, arrays)
        response = predict_pb2.PredictResponse()
        _fill(response.model_spec, request.model_spec.name, version, name)
        for output in _filtered(request.output_filter, outputs):
            array = np.asarray(outputs[output])
            response.outputs[output].CopyFrom(tf.make_tensor_proto(array, shape=array.shape))
        return response

    async def _metadata(self, request: Any) -> Any:
        get_model_metadata_pb2 = _protos("get_model_metadata")
        if list(request.metadata_field) != ["signature_def"]:
            raise RequestError(
                400,
                "Expected the metadata_field 'signature_def'. "
                f"Received: {list(request.metadata_field)[:10]}",
            )
        version = self._api.version(_target(request.model_spec))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _fill(response.model_spec, request.model_spec.name, version)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in version.definitions.items():
            signatures.signature_def[name].CopyFrom(definition)
        response.metadata["signature_def"].Pack(signatures)
        return response

    async def _status(self, request: Any) -> Any:
        get_model_status_pb2 = _protos("get_model_status")
        response = get_model_status_pb2.GetModelStatusResponse()
        for status in self._api.statuses(_target(request.model_spec)):
            entry = response.model_version_status.add(version=status.version)
            entry.state = get_model_status_pb2.ModelVersionStatus.State.Value(status.state)
            entry.status.error_code = 2 if status.error else 0  # UNKNOWN, OK
            entry.status.error_message = status.error
        return response


def _parsed(message: Any, request: bytes) -> Any:
    """The request as a message; as a deserializer of gRPC it would log what fails as our fault."""
    try:
        return message.FromString(request)
    except DecodeError as error:
        raise RequestError(400, f"Malformed message: {error}") from None


def _serialized(response: Any) -> bytes:
    return response.SerializeToString()


def _protos(name: str) -> Any:
    """A module of TensorFlow Serving's messages, whose classes are made while it is imported."""
    return importlib.import_module(f"tensorflow_serving.apis.{name}_pb2")


def _target(spec: Any) -> Target:
    version = spec.version.value if spec.HasField("version") else None
    return Target(spec.name, "grpc", version, spec.version_label or None)


def _fill(spec: Any, model: str, version: Version, signature: str = "") -> None:
    spec.name = model
    spec.signature_name = signature
    spec.version.value = version.number


def _filtered(names: Any, outputs: Any) -> list[str]:
    if unknown := sorted(set(names) - set(outputs)):
        raise RequestError(
            400, f"Expected an output_filter out of {sorted(outputs)}. Received: {unknown[:20]}"
        )
    return list(names) or list(outputs)
