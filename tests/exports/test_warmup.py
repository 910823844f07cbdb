import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from occam import exports
from occam.exports.warmup import FILE


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Versions with warmup requests of 1 and 3 rows, the same again, and without."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="image")
    outputs = keras.layers.Dense(3)(keras.layers.Dropout(0.5)(keras.layers.Flatten()(inputs)))
    model = keras.Model(inputs, outputs)
    directory = tmp_path_factory.mktemp("warm")
    signatures = ("image_bytes", "classify", "uncertainty")
    for _ in range(2):
        exports.export(
            model, directory, task="classification", signatures=signatures, warmup=(1, 3)
        )
    exports.export(model, directory, warmup=(), task="classification")
    return directory


def read(path):
    records = tf.data.TFRecordDataset(str(path / FILE)).as_numpy_iterator()
    return [prediction_log_pb2.PredictionLog.FromString(record) for record in records]


def test_each_signature_is_asked_for_each_batch_size(directory):
    logs = read(directory / "1")
    asked = [log.predict_log.request for log in logs if log.HasField("predict_log")]
    found = [(r.model_spec.signature_name, sorted(r.inputs)) for r in asked]
    expected = {
        "serving_default": ["image"],
        "image_bytes": ["image_bytes"],
        "uncertainty": ["image", "seed"],
    }
    assert sorted(found) == sorted([*expected.items()] * 2)
    rows = [len(tf.make_ndarray(r.inputs["image"])) for r in asked if "image" in r.inputs]
    assert sorted(rows) == [1, 1, 3, 3]


def test_classify_is_asked_by_examples(directory):
    logs = [log.classify_log for log in read(directory / "1") if log.HasField("classify_log")]
    assert [log.request.model_spec.signature_name for log in logs] == ["classify"] * 2
    assert [len(log.request.input.example_list.examples) for log in logs] == [1, 3]


def test_the_same_bytes_are_written_each_time_and_blessed(directory):
    first, second = ((directory / version / FILE).read_bytes() for version in "12")
    assert first == second
    blessing = exports.Blessing.read(directory / "1")
    assert FILE.as_posix() in blessing.files
    (gate,) = (gate for gate in blessing.gates if gate.name == "warmup")
    assert gate.figures == {"requests": 8}


def test_no_batch_sizes_write_no_requests(directory):
    assert not (directory / "3" / "assets.extra").exists()
    assert "warmup" not in [gate.name for gate in exports.Blessing.read(directory / "3").gates]


@pytest.mark.parametrize("sizes", [(0,), (1.5,), ("1",), (-1, 2)])
def test_batch_sizes_are_positive_integers(small_model, tmp_path, sizes):
    with pytest.raises(ValueError, match="`warmup` must be a sequence of batch sizes >= 1"):
        exports.export(small_model, tmp_path / "no", warmup=sizes)
    assert not (tmp_path / "no").exists()


def test_at_most_1000_requests_are_written(small_model, tmp_path):
    with pytest.raises(ValueError, match=r"at most 1,000 .* Received: 501 batch sizes for 2 sig"):
        exports.export(
            small_model, tmp_path, signatures=["logits"], warmup=np.arange(1, 502).tolist()
        )
