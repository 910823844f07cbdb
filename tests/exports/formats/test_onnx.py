import onnx
import pytest


@pytest.fixture(scope="module")
def model(two_inputs):
    return onnx.load(two_inputs[0].path / "formats" / "onnx" / "model.onnx")


def test_preprocessing_constants_are_no_inputs(model):
    assert {tensor.name for tensor in model.graph.input} == {"image", "size"}
    assert {tensor.name for tensor in model.graph.output} == {"class_id", "probabilities"}


def test_it_is_a_valid_model_of_opset_17(model):
    onnx.checker.check_model(model, full_check=True)
    assert next((opset.domain, opset.version) for opset in model.opset_import) == ("", 17)
