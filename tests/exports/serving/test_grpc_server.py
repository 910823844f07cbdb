"""gRPC requests with the stubs of tensorflow-serving-api."""

import grpc
import numpy as np
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from occam.exports.serving import Server

from .conftest import complaints, serving


@pytest.fixture(scope="module")
def channel(half_plus_three):
    with (
        serving(half_plus_three, grpc_port=0, max_bytes=10_000) as server,
        grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        yield channel


def predict_request(signature="", version=None, model="half_plus_three", **inputs):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    if version is not None:
        request.model_spec.version.value = version
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


def predict(channel, request):
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    return stub.Predict(request, timeout=60)


def refused(channel, request, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        predict(channel, request)
    assert caught.value.code() == code
    assert message in caught.value.details()


def test_predict(channel):
    for version in (None, 123):
        request = predict_request(version=version, x=np.float32([1, 2, 5]))
        response = predict(channel, request)
        np.testing.assert_array_equal(tf.make_ndarray(response.outputs["y"]), [3.5, 4, 5.5])
        assert response.model_spec.version.value == 123
        assert response.model_spec.signature_name == "serving_default"


def test_an_empty_batch_gets_an_empty_answer(channel):
    response = predict(channel, predict_request(x=np.zeros(0, "float32")))
    answer = tf.make_ndarray(response.outputs["y"])
    assert (answer.dtype, answer.shape) == (np.float32, (0,))
    request = predict_request(
        "named",
        tag=np.zeros(0, object),
        signal=np.zeros((0, 5), "int32"),
        sensor=np.zeros((0, 2, 2), "int64"),
    )
    request.inputs["tag"].CopyFrom(tf.make_tensor_proto([], tf.string))
    outputs = predict(channel, request).outputs
    assert {name: tuple(tf.make_ndarray(outputs[name]).shape) for name in outputs} == {
        "joined": (0,),
        "raw_bytes": (0,),
        "sum": (0,),
    }
    assert outputs["joined"].dtype == tf.string.as_datatype_enum


def test_strings_and_an_output_filter(channel):
    request = predict_request(
        "named",
        tag=["ä".encode()],
        signal=np.ones((1, 5), "int32"),
        sensor=np.ones((1, 2, 2), "int64"),
    )
    response = predict(channel, request)
    assert sorted(response.outputs) == ["joined", "raw_bytes", "sum"]
    assert tf.make_ndarray(response.outputs["joined"]).tolist() == ["ää".encode()]
    request.output_filter.append("sum")
    assert list(predict(channel, request).outputs) == ["sum"]
    request.output_filter.append("no")
    refused(
        channel, request, grpc.StatusCode.INVALID_ARGUMENT, "Received: output_filter=['sum', 'no']"
    )


def test_invalid_requests_get_a_code_and_a_message(channel):
    invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
    x, matrix = np.float32([1]), np.ones((1, 1), "float32")
    refused(channel, predict_request(model="m", x=x), missing, "for request: Latest(m)")
    refused(channel, predict_request(version=7, x=x), missing, "Specific(half_plus_three, 7)")
    refused(channel, predict_request("no", x=x), invalid, "not found in signature def")
    refused(
        channel, predict_request(z=x), invalid, "`inputs` must be ['x']. Received: inputs=['z']"
    )
    refused(channel, predict_request(x=[1]), invalid, "`x` must be float32")
    refused(channel, predict_request(x=matrix), invalid, "`x` must have the shape (None,)")
    label = predict_request(x=x)
    label.model_spec.version_label = "stable"
    refused(channel, label, invalid, "Unrecognized servable version label: stable")


def test_small_message_for_a_huge_tensor_is_refused(channel):
    request = predict_request(x=np.float32([1]))
    for size, message in (10**12, "must have at most 10000 bytes"), (-5, "must have the shape"):
        request.inputs["x"].tensor_shape.dim[0].size = size
        refused(channel, request, grpc.StatusCode.INVALID_ARGUMENT, message)
    large = predict_request(x=np.ones(5000, "float32"))
    refused(channel, large, grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")


def test_malformed_message_is_an_invalid_argument_without_a_traceback(channel, caplog):
    for service in ("PredictionService/Predict", "ModelService/GetModelStatus"):
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary(f"/tensorflow.serving.{service}")(b"\xff\xff", timeout=60)
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "Malformed message" in caught.value.details()
    assert complaints(caplog) == []


def test_cancelled_request_leaves_no_traceback(channel, slow, caplog):
    gate, waiting = slow
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    calls = [stub.Predict.future(predict_request(x=np.float32([1])), timeout=60) for _ in range(3)]
    assert waiting.wait(60)
    for call in calls:
        call.cancel()
    gate.set()
    response = predict(channel, predict_request(x=np.float32([1])))
    assert tf.make_ndarray(response.outputs["y"]).tolist() == [3.5]
    assert complaints(caplog) == []


def test_metadata_status_and_health(channel):
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_three"
    stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    stub.GetModelMetadata(request, timeout=60).metadata["signature_def"].Unpack(signatures)
    definition = signatures.signature_def["serving_default"]
    assert definition.inputs["x"].dtype == tf.float32.as_datatype_enum
    status = get_model_status_pb2.GetModelStatusRequest(model_spec=request.model_spec)
    answer = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(status, timeout=60)
    (version,) = answer.model_version_status
    available = get_model_status_pb2.ModelVersionStatus.AVAILABLE
    assert (version.version, version.state, version.status.error_code) == (123, available, 0)
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=60)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_taken_port_is_refused(half_plus_three):
    with (
        serving(half_plus_three, grpc_port=0) as first,
        pytest.raises(OSError, match="Could not listen on"),
        serving(half_plus_three, grpc_port=first.grpc_port),
    ):
        pass
    assert Server(half_plus_three).grpc_port is None
