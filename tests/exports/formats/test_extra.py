import sys

import pytest

from occam import exports

PACKAGES = {
    "litert": "ai_edge_litert.interpreter",
    "onnx": "onnxruntime",
    "openvino": "openvino",
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_named_before_any_work(model, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    package = PACKAGES[name].partition(".")[0]
    message = rf"^format {name}: Expected the package {package}, .*'keras-occam\[formats\]'"
    with pytest.raises(exports.ExportError, match=message):
        exports.export(model, tmp_path / "new", formats=name)
    assert not (tmp_path / "new").exists()


def test_the_converter_is_missing(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(exports.ExportError, match=r"^format onnx: Expected the package tf2onnx"):
        exports.export(model, tmp_path / "new", formats="onnx")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_runtime_is_named_by_load(published, monkeypatch, name):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    with pytest.raises(exports.ExportError, match=rf"^format {name}: .*keras-occam\[formats\]"):
        exports.load(published.path.parent, format=name)


def test_a_missing_runtime_is_named_by_verify(published, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(exports.ExportError, match=r"^format openvino: Expected the package"):
        exports.verify(published.path.parent, 1)
