import numpy as np
import pytest

from occam.exports import ONNX, ExportError, LiteRT
from occam.exports.formats import choose_formats


def test_names_stand_for_the_defaults_and_objects_for_themselves():
    calibrated = LiteRT("int8", calibration={"x": np.zeros((1, 2))})
    chosen = choose_formats(["onnx", calibrated, "litert_float16"])
    assert [format.name for format in chosen] == ["onnx", "litert_int8", "litert_float16"]
    assert chosen[1] is calibrated
    assert [format.approximate for format in chosen] == [False, True, True]
    assert isinstance(choose_formats("onnx")[0], ONNX)
    assert choose_formats(()) == ()


def test_an_unknown_name_is_named():
    with pytest.raises(ValueError, match=r"among \['litert', .* Received: 'tflite'"):
        choose_formats(["tflite"])


def test_integers_need_data():
    with pytest.raises(ExportError, match=r"LiteRT\('int8', calibration=...\).* 'litert_int8'"):
        choose_formats(["litert_int8"])


def test_two_of_a_name_are_refused():
    with pytest.raises(ValueError, match=r"each format once\. Received: 'litert' twice"):
        choose_formats(["litert", LiteRT()])
