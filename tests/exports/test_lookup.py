import numpy as np
import pytest

from occam.exports import ONNX, Embedding, ExportError, LiteRT, Uncertainty
from occam.exports.lookup import choose_formats, choose_signatures


def test_serving_default_is_always_there_and_first():
    assert list(choose_signatures(())) == ["serving_default"]
    assert list(choose_signatures(["logits", "serving_default"])) == ["serving_default", "logits"]


def test_names_stand_for_the_defaults_and_objects_for_themselves():
    embedding = Embedding("hidden")
    chosen = choose_signatures([embedding, "uncertainty"])
    assert chosen["embedding"] is embedding
    assert isinstance(chosen["uncertainty"], Uncertainty)
    assert list(choose_signatures("classify")) == ["serving_default", "classify"]


def test_formats_keep_their_order():
    calibrated = LiteRT("int8", calibration={"x": np.zeros((1, 2))})
    chosen = choose_formats(["onnx", calibrated, "litert_float16"])
    assert [format.name for format in chosen] == ["onnx", "litert_int8", "litert_float16"]
    assert chosen[1] is calibrated
    assert [format.approximate for format in chosen] == [False, True, True]
    assert isinstance(choose_formats("onnx")[0], ONNX)
    assert choose_formats(()) == ()


@pytest.mark.parametrize(
    ("choose", "given", "error", "message"),
    [
        (choose_signatures, ["logit"], ValueError, "`signatures` must be one of 'serving_default'"),
        (choose_formats, ["tflite"], ValueError, "`formats` must be one of 'litert', .*'tflite'"),
        (choose_signatures, [3], TypeError, r"names or instances of exports\.Signature.*=3"),
        (choose_signatures, ["logits", "logits"], ValueError, "Received: 'logits' twice"),
        (choose_formats, ["litert", LiteRT()], ValueError, "`formats` must differ.*'litert' twice"),
        (choose_formats, ["litert_int8"], ExportError, "Pass exports.LiteRT"),
    ],
)
def test_other_choices_are_refused(choose, given, error, message):
    with pytest.raises(error, match=message):
        choose(given)
