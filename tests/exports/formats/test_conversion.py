import json
import os
import shutil
import sys

import keras
import numpy as np
import onnx
import pytest
from scipy.special import softmax

from occam import exports
from occam.exports import ExportError
from occam.exports.blessing import Blessing

EXACT = ("litert", "onnx", "openvino")
FILES = {
    "litert": ["model.tflite"],
    "litert_dynamic": ["model.tflite"],
    "litert_float16": ["model.tflite"],
    "litert_int8": ["model.tflite"],
    "onnx": ["model.onnx"],
    "openvino": ["model.bin", "model.xml"],
}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [*((name, 1e-6) for name in EXACT), ("litert_float16", 0.01), ("litert_dynamic", 0.02)],
)
def test_each_format_answers_like_the_model(published, model, flowers, name, allowed):
    answer = exports.load(published.path.parent, format=name).predict(flowers.x)
    expected = softmax(model.predict(flowers.x, verbose=0), axis=-1)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=allowed)
    if name in EXACT:
        np.testing.assert_array_equal(answer["class_id"], expected.argmax(axis=-1))


def test_int8_agrees_with_the_model(published, model, flowers):
    answer = exports.load(published.path.parent, format="litert_int8").predict(flowers.x)
    expected = softmax(model.predict(flowers.x, verbose=0), axis=-1)
    assert np.mean(answer["class_id"] == expected.argmax(axis=-1)) >= 0.98
    assert len(np.unique(answer["probabilities"])) <= 256


@pytest.mark.parametrize("name", EXACT)
def test_two_inputs_preprocessing_and_a_convolution(two_inputs, pictures, name):
    version, whole = two_inputs
    predictor = exports.load(version.path.parent, format=name)
    expected = softmax(whole.predict(list(pictures.values()), verbose=0), axis=-1)
    answer = predictor.predict(pictures)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)
    assert set(predictor.inputs) == {"image", "size"}


def test_every_format_lies_in_its_own_directory_and_is_blessed(published):
    folder = published.path / "formats"
    found = {name: sorted(os.listdir(folder / name)) for name in FILES}
    assert found == FILES
    assert json.loads((folder / "head.json").read_text())["names"] == ["ant", "bee", "cat"]
    blessed = Blessing.read(published.path)
    assert {f"formats/{name}/{file}" for name, files in FILES.items() for file in files} < set(
        blessed.files
    )
    assert {"ai_edge_litert", "tf2onnx", "onnxruntime", "openvino"} < set(blessed.versions)
    (listed,) = exports.listing(published.path.parent)
    assert listed.formats == published.formats
    gates = [gate.name for gate in blessed.gates if "/" in gate.name]
    common = ["determinism", "batches", "labels", "metric"]
    for name in FILES:
        particular = "parity" if name in EXACT else "agreement"
        ours = [gate.partition("/")[2] for gate in gates if gate.startswith(f"{name}/")]
        assert sorted(ours) == sorted([*common, particular])


def test_export_and_card_list_the_bytes(published):
    size = (published.path / "formats" / "onnx" / "model.onnx").stat().st_size
    assert published.formats["onnx"] == size
    assert set(published.formats) == set(FILES)
    assert f"  format onnx: {size:,} bytes\n" in str(published)
    card = (published.path / "README.md").read_text()
    assert "## Formats\n\n| file | bytes |\n| --- | --- |\n| `formats/litert/model.tfl" in card
    assert f"| `formats/onnx/model.onnx` | {size:,} |" in card
    content = json.loads((published.path / "export.json").read_text())
    assert content["formats"]["onnx"] == {"model.onnx": size}


def test_the_onnx_file_is_valid_and_has_no_constants_as_inputs(two_inputs):
    model = onnx.load(two_inputs[0].path / "formats" / "onnx" / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert next((opset.domain, opset.version) for opset in model.opset_import) == ("", 17)
    assert {tensor.name for tensor in model.graph.input} == {"image", "size"}
    assert {tensor.name for tensor in model.graph.output} == {"class_id", "probabilities"}


def test_openvino_keeps_the_weights_in_float32(published):
    numbers = 4 * 4 + 4 + 2 * 4 + 4 * 3 + 3
    folder = published.path / "formats" / "openvino"
    assert (folder / "model.bin").stat().st_size >= 4 * numbers - 4 * 2 * 4
    assert "f16" not in (folder / "model.xml").read_text()
    assert 'element_type="f32"' in (folder / "model.xml").read_text()


class Copied(exports.ONNX):
    """A converter that copies the file of another model."""

    def __init__(self, file):
        self.file = file

    def write(self, saved_model, directory):
        shutil.copy(self.file, directory / "model.onnx")


def test_a_format_that_answers_differently_publishes_nothing(published, model, tmp_path):
    model.layers[-1].bias.assign([0.0, 5.0, 0.0])
    file = published.path / "formats" / "onnx" / "model.onnx"
    with pytest.raises(ExportError, match=r"^gate onnx/parity: 1 row"):
        exports.export(model, tmp_path, formats=[Copied(file)], warmup=(), task="classification")
    assert os.listdir(tmp_path) == []


def test_bad_calibration_publishes_nothing(model, flowers, tmp_path):
    calibrated = exports.LiteRT("int8", calibration={"flower": np.full((5, 4), 1e-3)})
    data = ({"flower": flowers.x}, np.array(["ant", "bee", "cat"])[flowers.classes])
    with pytest.raises(ExportError, match=r"^gate litert_int8/agreement: At least"):
        exports.export(
            model,
            tmp_path,
            class_names=["ant", "bee", "cat"],
            formats=calibrated,
            warmup=(),
            checks=exports.Checks(data=data, max_accuracy_drop=1.0),
        )
    assert os.listdir(tmp_path) == []


def test_model_with_unsupported_operations_is_refused(tmp_path):
    layers = [keras.layers.Dense(3, dtype="mixed_float16"), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((2,), name="x"), *layers])
    message = r"^format litert: Could not convert .*: ConverterError: .*'tf.MatMul' op is neither"
    with pytest.raises(ExportError, match=message):
        exports.export(model, tmp_path, formats="litert", warmup=(), task="classification")
    assert os.listdir(tmp_path) == []


def test_approximate_format_needs_data(model, tmp_path):
    message = "^format litert_float16: `checks` must have data .* Received: data=None"
    with pytest.raises(ExportError, match=message):
        exports.export(model, tmp_path / "new", formats="litert_float16", task="classification")
    assert not (tmp_path / "new").exists()


def test_text_inputs_are_refused(tmp_path):
    words = keras.Sequential(
        [keras.Input((1,), name="word", dtype="string"), keras.layers.Hashing(8)]
    )
    model = keras.Sequential(
        [keras.Input((1,), dtype="int64"), keras.layers.Embedding(8, 3), keras.layers.Flatten()]
    )
    with pytest.raises(ExportError, match=r"^format onnx: .* the text inputs \['word'\]"):
        exports.export(
            model, tmp_path / "new", preprocessing=words, from_logits=True, formats="onnx"
        )
    assert not (tmp_path / "new").exists()


RUNTIMES = [
    ("litert", "ai_edge_litert.interpreter"),
    ("onnx", "onnxruntime"),
    ("openvino", "openvino"),
]


@pytest.mark.parametrize(("name", "package"), [*RUNTIMES, ("onnx", "tf2onnx")])
def test_missing_package_is_named_before_any_work(model, tmp_path, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"^format {name}: Could not import {package}: .*'keras-occam\[formats\]'"
    with pytest.raises(ExportError, match=message):
        exports.export(model, tmp_path / "new", formats=name, task="classification")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("name", "package"), RUNTIMES)
def test_load_names_a_missing_runtime(published, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExportError, match=rf"^format {name}: .*keras-occam\[formats\]"):
        exports.load(published.path.parent, format=name)
