import shutil
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from occam import exports


@pytest.fixture
def directory(small_export, tmp_path):
    """A copy of the export that a test may change."""
    return shutil.copytree(small_export, tmp_path / "exports")


@pytest.fixture(scope="module")
def predictor(small_export):
    return exports.load(small_export)


def test_answers_are_arrays_of_the_promised_types(predictor, flowers):
    answer = predictor.predict(flowers)
    described = {name: (array.shape, array.dtype.kind) for name, array in answer.items()}
    assert described == {
        "class_id": ((5,), "i"),
        "label": ((5,), "U"),
        "probabilities": ((5, 3), "f"),
    }
    assert answer["class_id"].dtype == np.int64
    assert answer["probabilities"].dtype == np.float32
    assert predictor.class_names == ("iris", "rose", "Mädesüß")
    assert answer["label"].tolist() == [predictor.class_names[i] for i in answer["class_id"]]


@pytest.mark.parametrize("batch_size", [1, 2, 5, 100])
def test_the_batch_size_changes_nothing(predictor, flowers, batch_size):
    whole = predictor.predict(flowers)["probabilities"]
    parts = predictor.predict(flowers, batch_size=batch_size)["probabilities"]
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


@pytest.mark.parametrize("x", [np.empty((0, 4)), []])
def test_an_empty_batch_gets_an_empty_answer(predictor, x):
    answer = predictor.predict(x)
    assert {name: array.shape for name, array in answer.items()} == {
        "class_id": (0,),
        "label": (0,),
        "probabilities": (0, 3),
    }


def convolutional(length):
    """Build a classifier of sequences; the convolution of oneDNN fails on an empty batch."""
    return keras.Sequential(
        [
            keras.Input((length, 3), name="x"),
            keras.layers.Conv1D(8, 3, padding="same", activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(3),
        ]
    )


def test_no_rows_give_no_answers_of_any_signature(tmp_path):
    signatures = ["logits", exports.Embedding("conv1d"), "classify", exports.Uncertainty(2)]
    exports.export(convolutional(5), tmp_path, task="classification", signatures=signatures)
    predictor = exports.load(tmp_path)
    expected = {
        "serving_default": {"class_id": "int64 0", "label": "<U1 0", "probabilities": "float32 03"},
        "logits": {"logits": "float32 03"},
        "embedding": {"embedding": "float32 058"},
        "classify": {"classes": "<U1 03", "scores": "float32 03"},
        "uncertainty": {
            "mean": "float32 03",
            "mutual_information": "float32 0",
            "predictive_entropy": "float32 0",
            "standard_deviation": "float32 03",
        },
    }
    for name, answer in expected.items():
        inputs = predictor.specs[name].inputs
        nothing = {key: np.zeros((0, *spec.shape[1:])) for key, spec in inputs.items()}  # pyright: ignore[reportCallIssue]
        if name == "classify":
            nothing = {"inputs": []}
        given = {key: np.asarray(a, "int64") if key == "seed" else a for key, a in nothing.items()}
        received = predictor.call(name, **given)
        assert {n: f"{a.dtype} {''.join(map(str, a.shape))}" for n, a in received.items()} == answer


def test_an_axis_of_unknown_size_has_none_in_the_answer_to_no_rows(tmp_path):
    exports.export(
        convolutional(None),
        tmp_path,
        task="classification",
        signatures=[exports.Embedding("conv1d")],
    )
    answer = exports.load(tmp_path).call("embedding", x=np.zeros((0, 7, 3)))
    assert answer["embedding"].shape == (0, 0, 8)


def test_no_rows_of_a_wrong_shape_are_refused(predictor):
    with pytest.raises(ValueError, match=r"the shape \(None, 4\) .* Received: shape \(0, 3\)"):
        predictor.predict(np.empty((0, 3)))


def test_numbers_of_another_type_are_converted(predictor, flowers):
    rounded = np.round(flowers)
    expected = predictor.predict(rounded)["class_id"]
    for given in (rounded.astype("int64"), rounded.tolist()):
        np.testing.assert_array_equal(predictor.predict(given)["class_id"], expected)


def test_integers_are_judged_by_their_value(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((2,), name="pixels", dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Dense(3),
        ]
    )
    exports.export(model, tmp_path, task="classification")
    predictor = exports.load(tmp_path)
    assert predictor.predict([[0, 255]])["label"].shape == (1,)
    with pytest.raises(TypeError, match=r"must be uint8 .* Received: int64 from -1 to 256"):
        predictor.predict([[-1, 256]])
    with pytest.raises(TypeError, match=r"must be uint8 .* Received: float64"):
        predictor.predict([[0.5, 1.0]])


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.ones(4), ValueError, r"`flower` must have the shape \(None, 4\) .*: shape \(4,\)"),
        (np.ones((2, 5)), ValueError, r"Received: shape \(2, 5\)"),
        ([["a"] * 4], TypeError, "`flower` must be float32 .* Received: <U1"),
        (np.ones((1, 4), complex), TypeError, "Received: complex128"),
        ([[1, 2, 3, 4], [1, 2]], ValueError, "`flower` must have the shape .* of unequal sizes"),
        (np.full((1, 4), 1e300), TypeError, r"float32 .* Received: float64 from 1e\+300 to 1e"),
        (np.array([[0, 0, 0, -1e39]]), TypeError, r"float64 from -1e\+39 to 0\.0"),
        ({"tree": np.ones((1, 4))}, ValueError, r"keys \['flower'\]\. Received: \['tree'\]"),
    ],
)
def test_wrong_input_is_named(predictor, x, error, message):
    with pytest.raises(error, match=message):
        predictor.predict(x)


def table_model():
    inputs = {
        "size": keras.Input((), name="size"),
        "town": keras.Input((), name="town", dtype="string"),
    }
    code = keras.layers.StringLookup(vocabulary=["Ulm", "2001-01-11T00:00:00", ""])(inputs["town"])
    size = keras.ops.where(keras.ops.isnan(inputs["size"]), -1.0, inputs["size"])
    return keras.Model(inputs, keras.ops.stack([size, keras.ops.cast(code, "float32")], axis=1))


def test_the_missing_values_and_dates_of_a_data_frame_are_read(tmp_path):
    exports.export(table_model(), tmp_path, task="regression")
    predictor = exports.load(tmp_path)
    size, town = [2, None, 3.5], ["Ulm", np.nan, None]
    expected = [[2, 1], [-1, 3], [3.5, 3]]
    for x in ({"size": size, "town": town}, pd.DataFrame({"size": size, "town": town})):
        assert predictor.predict(x)["values"].tolist() == expected
    day = np.array(["2001-01-11", "NaT"], "datetime64[ns]")
    for x in ({"size": [1, 1], "town": day}, pd.DataFrame({"size": [1, 1], "town": day})):
        assert predictor.predict(x)["values"].tolist() == [[1, 2], [1, 3]]
    with pytest.raises(
        ValueError, match=r"keys \['size', 'town'\]\. Received: \['price', 'size'\]"
    ):
        predictor.predict(pd.DataFrame({"size": [1], "price": [1]}))
    with pytest.raises(TypeError, match="`town` must be bytes or str"):
        predictor.predict({"size": [1], "town": [7]})


def test_the_columns_of_a_data_frame_are_the_features_of_one_input(predictor):
    frame = pd.DataFrame(np.ones((2, 4)), columns=[*"abcd"])
    answer = predictor.predict(frame)["probabilities"]
    np.testing.assert_array_equal(answer, predictor.predict(np.ones((2, 4)))["probabilities"])


def test_infinities_and_nan_are_numbers(predictor):
    row = np.array([[np.inf, -np.inf, np.nan, 3.4e38]])
    assert predictor.predict(row)["class_id"].shape == (1,)


def test_integers_must_fit_into_short_floats(tmp_path):
    model = keras.Sequential(
        [keras.Input((1,), name="x", dtype="float16"), keras.layers.Dense(3, dtype="float32")]
    )
    exports.export(model, tmp_path, task="classification")
    with pytest.raises(TypeError, match=r"float16 .* Received: int64 from 70000 to 70000"):
        exports.load(tmp_path).predict([[70_000]])
    assert len(exports.load(tmp_path).predict([[60_000]])["label"]) == 1


@pytest.mark.parametrize("file", ["variables.data-00000-of-00001", "variables.index"])
def test_a_broken_saved_model_is_named(directory, file):
    path = directory / "1" / "variables" / file
    content = bytearray(path.read_bytes())
    for spoilt in (
        content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
        content[: len(content) // 2],
    ):
        path.write_bytes(spoilt)
        with pytest.raises(exports.ExportError, match=r"load a SavedModel from .*1: "):
            exports.load(directory)


def test_a_batch_size_is_at_least_one(predictor, flowers):
    with pytest.raises(ValueError, match="`batch_size` must be an integer >= 1"):
        predictor.predict(flowers, batch_size=0)


def test_any_version_can_be_loaded(directory, small_model):
    exports.export(small_model, directory)
    assert exports.load(directory).version == 2
    assert exports.load(directory, version=1).class_names[0] == "iris"
    with pytest.raises(FileNotFoundError, match=r"one of \[1, 2\] in .* version=3"):
        exports.load(directory, version=3)
    with pytest.raises(FileNotFoundError, match=r"one of \[1, 2\] in .* version='1'"):
        exports.load(directory, version="1")


def test_a_directory_without_versions_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent: the directory does not exist"):
        exports.load(tmp_path / "absent")
    (tmp_path / ".tmp-0123").mkdir()
    with pytest.raises(FileNotFoundError, match="has no version"):
        exports.load(tmp_path)


def test_a_foreign_saved_model_is_refused(tmp_path):
    module = tf.Module()
    served = tf.function(lambda: {"y": tf.constant(1.0)}, input_signature=[])
    signatures = {"serving_default": served.get_concrete_function()}
    tf.saved_model.save(module, str(tmp_path / "1"), signatures)
    with pytest.raises(exports.ExportError, match=r"1: it has no blessing\.json"):
        exports.load(tmp_path)
    with pytest.raises(ValueError, match="1: `export` did not write"):
        exports.load(tmp_path, blessed=False)


def test_repr(predictor):
    assert repr(predictor) == (
        "Predictor(version=1, inputs=(flower: float32 (None, 4)), "
        "classes=('iris', 'rose', 'Mädesüß'))"
    )


def test_it_works_where_keras_cannot_be_imported(directory):
    script = (
        "import sys; sys.modules['keras'] = None\n"
        "from occam import exports\n"
        "answer = exports.load(sys.argv[1]).predict([[0.0] * 4])\n"
        "print(answer['probabilities'].shape, sorted(\n"
        "    m for m in sys.modules if m.startswith(('keras.', 'occam.zoo', 'occam.callbacks'))))"
    )
    command = [sys.executable, "-c", script, str(directory)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.stdout == "(1, 3) []\n", result.stderr
