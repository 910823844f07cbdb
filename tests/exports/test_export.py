import os
import stat
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import softmax

from occam import exports


def test_the_export_answers_as_the_model_predicts(small_model, flowers, tmp_path):
    published = exports.export(small_model, tmp_path, class_names=["iris", "rose", "lily"])
    answer = exports.load(tmp_path).predict(flowers)
    expected = softmax(small_model.predict(flowers, verbose=0), axis=-1)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)
    np.testing.assert_array_equal(answer["class_id"], expected.argmax(axis=-1))
    names = np.array(published.class_names)
    np.testing.assert_array_equal(answer["label"], names[expected.argmax(axis=-1)])


def test_the_signature_has_names_shapes_and_dtypes(small_model, tmp_path):
    published = exports.export(small_model, tmp_path)
    assert published.path == tmp_path / "1"
    assert str(published) == (
        f"version 1 in {tmp_path / '1'}\n"
        "  serving_default\n"
        "    input  flower: float32 (None, 4)\n"
        "    output class_id: int64 (None,)\n"
        "    output label: string (None,)\n"
        "    output probabilities: float32 (None, 3)\n"
        "  classes 0, 1, 2"
    )
    loaded = tf.saved_model.load(str(published.path))
    assert list(loaded.signatures) == ["serving_default"]


def test_exporting_and_serving_leave_the_model_as_it_was(small_model, flowers, tmp_path):
    before = small_model.get_weights()
    exports.export(small_model, tmp_path)
    predictor = exports.load(tmp_path)
    first, second = (predictor.predict(flowers)["probabilities"] for _ in range(2))
    np.testing.assert_array_equal(first, second)
    for old, new in zip(before, small_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_augmentation_inside_the_model_is_off(tmp_path):
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="image"),
            layers.RandomFlip(),
            layers.RandomRotation(0.5),
            layers.RandomErasing(1.0),
            layers.Conv2D(4, 3),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    exports.export(model, tmp_path)
    images = np.random.default_rng(0).uniform(size=(6, 8, 8, 3)).astype("float32")
    answer = exports.load(tmp_path).predict(images)
    expected = model.predict(images)
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-6)


SAVE = """
import sys
import keras
from occam import exports
from occam.exports.lookup import choose_signatures
from occam.exports.served_model import ServedModel
from occam.exports.export import _servable
layers = keras.layers
keras.utils.set_random_seed(0)
inner = [layers.Flatten(), layers.Dense(5), layers.Dropout(0.5), layers.Dense(3)]
model = keras.Sequential([keras.Input((4, 4, 3)), *inner])
names = ("logits", "embedding", "image_bytes", "classify", "uncertainty")
exports.export(model, sys.argv[1], signatures=names, task="classification")
word, number = keras.Input((1,), dtype="string"), keras.Input((1,), dtype="int64")
features = [
    layers.StringLookup(vocabulary=["b", "a"], output_mode="one_hot")(word),
    layers.StringLookup(vocabulary=["b", "a"], output_mode="multi_hot")(word),
    layers.IntegerLookup(vocabulary=[9, 7], output_mode="one_hot")(number),
]
model = keras.Model([word, number], layers.Dense(3)(layers.concatenate(features)))
served = ServedModel(model, task="classification")
_servable(served, choose_signatures(()).values()).save(sys.argv[1] + "/2")
"""


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path):
    command = [sys.executable, "-c", SAVE]
    processes = [subprocess.Popen([*command, str(tmp_path / name)]) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    variables = ("variables/variables.index", "variables/variables.data-00000-of-00001")
    for file in ("1/saved_model.pb", "2/saved_model.pb", *(f"1/{name}" for name in variables)):
        first, second = ((tmp_path / name / file).read_bytes() for name in "ab")
        assert first == second, file
    assert not list(tmp_path.rglob("fingerprint.pb"))  # with a random number in it


def test_each_export_is_a_new_version_that_others_may_read(small_model, tmp_path):
    made = [exports.export(small_model, tmp_path / "model").version for _ in range(2)]
    assert made == [1, 2]
    umask = os.umask(0)
    os.umask(umask)
    mode = stat.S_IMODE((tmp_path / "model" / "1").stat().st_mode)
    assert mode == 0o777 & ~umask


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"directory": None}, TypeError, "`directory` must be a path. Received: directory=None"),
        ({"checks": None}, TypeError, r"`checks` must be an exports.Checks\(...\). .*checks=None"),
        ({"card": ["a"]}, TypeError, r"`card` must be values by name, or None. .*card=\['a'\]"),
        ({"preprocessing": 3}, TypeError, "must be a function, a Keras layer .*preprocessing=3"),
        ({"from_logits": "yes"}, TypeError, "True, False or None. Received: from_logits='yes'"),
        ({"temperature": "2"}, ValueError, r"a number in \(0, inf\). Received: temperature='2'"),
        ({"warmup": 5}, ValueError, "batch sizes >= 1. Received: warmup=5"),
        ({"warmup": [True]}, ValueError, r"Received: warmup=\[True\]"),
        ({"keep": True}, ValueError, "`keep` must be an integer >= 1 or None. Received: keep=True"),
        ({"class_names": 3}, ValueError, "3 names. Received: class_names=3"),
        ({"class_names": "abc"}, ValueError, "`class_names` must be a list of 3 names. .*='abc'"),
        ({"class_names": ["a", "b"]}, ValueError, "`class_names` must be a list of 3 names"),
        (
            {"class_names": ["a", "a", "b"]},
            ValueError,
            r"`class_names` must differ. Received: \['a'\] more",
        ),
        ({"class_names": [1, "1", 2]}, ValueError, r"Received: \['1'\] more than once"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_written(
    small_model, tmp_path, arguments, error, message
):
    directory = tmp_path / "exports"
    with pytest.raises(error, match=message):
        exports.export(small_model, **{"directory": directory, **arguments})
    assert not directory.exists()


def test_an_unwritable_directory_is_refused(small_model, tmp_path):
    file = tmp_path / "afile"
    file.write_text("mine")
    for directory, why in (
        (file, "it is a file"),
        (file / "x", "Not a directory"),
        ("/proc/x", "No "),
    ):
        message = f"Could not write into {directory}: {why}"
        with pytest.raises(OSError, match=message):
            exports.export(small_model, directory)
    assert file.read_text() == "mine"


def test_a_keras_layer_as_preprocessing_is_stored_with_its_statistics(
    small_model, flowers, tmp_path
):
    normalize = keras.layers.Normalization()
    normalize.adapt(10 + 3 * flowers)
    exports.export(small_model, tmp_path, preprocessing=normalize)
    answer = exports.load(tmp_path).predict(10 + 3 * flowers)
    expected = softmax(small_model.predict(normalize(10 + 3 * flowers), verbose=0), axis=-1)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)


def test_a_keras_model_as_preprocessing_brings_its_own_inputs(tmp_path):
    resize = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image", dtype="uint8"),
            keras.layers.RandomContrast(0.9),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Resizing(2, 2),
            keras.layers.Flatten(),
        ]
    )
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    published = exports.export(model, tmp_path, preprocessing=resize, task="classification")
    assert published.inputs["image"] == tf.TensorSpec((None, 8, 8, 1), tf.uint8, "image")


def test_a_plain_function_as_preprocessing_starts_from_float32(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((3,), dtype="int32", name="tokens"),
            keras.layers.Embedding(2, 4),
            keras.layers.Flatten(),
            keras.layers.Dense(3),
        ]
    )
    published = exports.export(
        model, tmp_path, task="classification", preprocessing=lambda x: tf.cast(x > 0.5, tf.int32)
    )
    assert published.inputs["tokens"].dtype == tf.float32
    answer = exports.load(tmp_path).predict([[0.9, 0.1, 0.7]])
    expected = softmax(model.predict(np.array([[1, 0, 1]])), axis=-1)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_answers_in_float32(policy, tmp_path):
    layers = [
        keras.layers.Dense(32, activation="relu", dtype=policy),
        keras.layers.Dense(3, dtype=policy),
    ]
    exports.export(keras.Sequential([keras.Input((4,)), *layers]), tmp_path, task="classification")
    probabilities = exports.load(tmp_path).predict(np.ones((2, 4)))["probabilities"]
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-6)


def test_a_model_that_is_not_finite_is_refused(small_model, tmp_path):
    small_model.layers[-1].bias.assign([np.nan] * 3)
    with pytest.raises(exports.ExportError, match=r"with sum 1\. Received: sums from nan"):
        exports.export(small_model, tmp_path)
    assert os.listdir(tmp_path) == []
