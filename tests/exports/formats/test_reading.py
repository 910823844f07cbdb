import json
import shutil
import threading

import numpy as np
import pytest

from occam import exports

NAMES = ("litert", "litert_int8", "onnx", "openvino")


@pytest.fixture
def version(published, tmp_path):
    """A copy of version 1 that a test may change."""
    return shutil.copytree(published.path, tmp_path / "1")


@pytest.mark.parametrize("name", NAMES)
def test_answers_have_the_documented_types(published, flowers, name):
    predictor = exports.load(published.path.parent, format=name)
    answer = predictor.predict(flowers.x[:5])
    assert list(answer) == ["class_id", "label", "probabilities"]
    assert (answer["class_id"].dtype, answer["class_id"].shape) == (np.int64, (5,))
    assert (answer["probabilities"].dtype, answer["probabilities"].shape) == (np.float32, (5, 3))
    names = np.array(predictor.class_names)
    np.testing.assert_array_equal(answer["label"], names[answer["class_id"]])
    assert predictor.version == 1
    assert predictor.signatures == ("serving_default",)
    with pytest.raises(ValueError, match="`signature` must be one of 'serving_default'"):
        predictor.call("logits", flower=flowers.x)


@pytest.mark.parametrize("name", NAMES)
def test_threads_get_their_own_answers(published, flowers, name):
    predictor = exports.load(published.path.parent, format=name)
    right = predictor.predict(flowers.x)["probabilities"]
    wrong = []

    def predict(start):
        for row in range(start, 200, 4):
            answer = predictor.predict(flowers.x[row : row + 1])["probabilities"]
            if not np.allclose(answer[0], right[row], atol=1e-6):
                wrong.append(row)

    threads = [threading.Thread(target=predict, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", ["litert_int8", "../variables"])
def test_missing_format_lists_the_existing_ones(two_inputs, name):
    message = rf"one of \['litert', 'onnx', 'openvino'\] in .*1\. Received: format='{name}'"
    with pytest.raises(exports.ExportError, match=message):
        exports.load(two_inputs[0].path.parent, format=name)


@pytest.mark.parametrize("name", NAMES)
def test_corrupt_file_is_refused(version, name):
    for file in (version / "formats" / name).iterdir():
        file.write_bytes(b"not a model")
    with pytest.raises(exports.ExportError, match=f"^format {name}: Could not open"):
        exports.load(version.parent, format=name)


def test_file_of_another_model_is_refused(version, two_inputs):
    shutil.copy(two_inputs[0].path / "formats/onnx/model.onnx", version / "formats/onnx")
    message = r"inputs and outputs must be \(\['flower'\], .* Received: \(\['image', 'size'\]"
    with pytest.raises(exports.ExportError, match=message):
        exports.load(version.parent, format="onnx")


@pytest.mark.parametrize("file", ["onnx/model.onnx", "openvino/model.bin", "head.json"])
def test_verify_finds_a_changed_byte(version, file):
    path = version / "formats" / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        exports.ExportError, match=rf"^gate checksums: .*\['formats/{file}'\] changed"
    ):
        exports.verify(version.parent, 1)


def test_verify_judges_every_format(version):
    names = [result.name for result in exports.verify(version.parent, 1)]
    formats = [name for name in names if "/" in name]
    assert {"litert/parity", "onnx/parity", "openvino/parity", "litert_int8/labels"} < set(formats)
    assert len(formats) == 3 * 4 + 3 * 3


def test_verify_judges_approximations_on_data(version, flowers):
    data = ({"flower": flowers.x}, flowers.classes)
    results = exports.verify(version.parent, 1, exports.Checks(data=data))
    found = {result.name: result for result in results}
    names = ("litert_float16", "litert_dynamic", "litert_int8")
    assert all(found[f"{name}/agreement"].figures["agreement"] >= 0.98 for name in names)
    wrong = exports.Checks(data=({"flower": flowers.x}, ["dog"] * len(flowers.x)))
    with pytest.raises(exports.ExportError, match=r"labels among .* Received: \['dog'\]"):
        exports.verify(version.parent, 1, wrong)


def test_verify_finds_swapped_labels(version):
    names = version / "formats" / "head.json"
    head = json.loads(names.read_text())
    names.write_text(json.dumps({**head, "names": ["bee", "ant", "cat"]}))
    blessing = json.loads((version / "blessing.json").read_text())
    blessing["files"] = exports.blessing.checksums(version)
    (version / "blessing.json").write_text(json.dumps(blessing))
    with pytest.raises(exports.ExportError, match=r"^gate litert/labels: The labels must be"):
        exports.verify(version.parent, 1)


def test_class_names_of_an_older_version_are_read(version):
    folder = version / "formats"
    (folder / "head.json").unlink()
    (folder / "class_names.json").write_text(json.dumps(["bee", "ant", "cat"]))
    predictor = exports.load(version.parent, format="onnx", blessed=False)
    assert predictor.class_names == ("bee", "ant", "cat")
