"""Every signature, alone and in an export that has all of them."""

import io

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image
from scipy.special import softmax

from occam import exports
from occam.exports.served_model import ServedModel
from occam.exports.signatures import Logits

ALL = ("logits", "embedding", "image_bytes", "classify", "uncertainty")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3), name="image"),
            layers.RandomFlip(),
            layers.Rescaling(1 / 255),
            layers.GaussianNoise(0.5),
            layers.Flatten(),
            layers.Dense(50, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            layers.Dense(3),
        ]
    )


@pytest.fixture(scope="module")
def published(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("all")
    names = ["ant", "bee", "cat"]
    return exports.export(model, directory, class_names=names, signatures=ALL, temperature=2.0)


@pytest.fixture(scope="module")
def predictor(published):
    return exports.load(published.path.parent)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype("float32")


@pytest.fixture(scope="module")
def expected(model, images):
    """The probabilities at a temperature of 2."""
    return softmax(model.predict(images, verbose=0) / 2, axis=-1)


def test_every_signature_says_the_same(predictor, images, expected):
    np.testing.assert_allclose(predictor.predict(images)["probabilities"], expected, rtol=1e-5)
    logits = predictor.call("logits", image=images)["logits"]
    np.testing.assert_allclose(tf.nn.softmax(logits), expected, rtol=1e-5)
    assert predictor.call("embedding", image=images)["embedding"].shape == (5, 50)
    files = [png(image) for image in images]
    answer = predictor.call("image_bytes", image_bytes=files)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)
    assert answer["label"].tolist() == predictor.predict(images)["label"].tolist()
    answer = predictor.call("classify", inputs=[example(image) for image in images])
    np.testing.assert_allclose(answer["scores"], expected, rtol=1e-5)
    assert answer["classes"].tolist() == [["ant", "bee", "cat"]] * 5
    answer = predictor.call("uncertainty", image=images, seed=np.arange(5))
    assert np.abs(answer["mean"] - expected).max() < 0.3
    assert (answer["standard_deviation"] > 0).all()


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image.astype("uint8")).save(buffer, "PNG")
    return buffer.getvalue()


def example(image):
    floats = tf.train.FloatList(value=image.ravel())
    features = tf.train.Features(feature={"image": tf.train.Feature(float_list=floats)})
    return tf.train.Example(features=features).SerializeToString()


def test_only_weights_that_serving_reads_are_stored_and_each_once(model, published):
    stored = dict(tf.train.list_variables(str(published.path / "variables/variables")))
    sizes = sorted(int(np.prod(shape)) for name, shape in stored.items() if "_CHECKPO" not in name)
    weights = [w for w in model.weights if "seed_generator" not in w.path]
    assert sizes == sorted(int(np.prod(w.shape)) for w in weights)


def operations(function):
    """Return the types of all operations in a concrete function."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    return {node.op for node in nodes}


@pytest.mark.parametrize("name", ["serving_default", *ALL])
def test_training_leaves_no_trace_in_the_graphs(predictor, name):
    found = operations(predictor.runtime.model.signatures[name])
    random = {op for op in found if "Random" in op}
    assert bool(random) == (name == "uncertainty")
    assert all(op.startswith("StatelessRandom") for op in random)
    assert not {op for op in found if "Assign" in op or "PyFunc" in op or "Rng" in op}


def test_all_numbers_are_float32_and_ids_int64(predictor):
    dtypes = {spec.dtype for specs in predictor.specs.values() for spec in specs.outputs.values()}
    assert dtypes == {tf.float32, tf.int64, tf.string}


def test_the_signatures_are_listed(predictor, published):
    assert predictor.signatures == ("serving_default", *sorted(ALL))
    assert list(published.signatures) == list(predictor.signatures)
    assert "  uncertainty\n    input  image: float32 (None, 4, 4, 3)\n    input  seed" in str(
        published
    )


@pytest.mark.parametrize(
    ("signature", "features", "error", "message"),
    [
        ("logit", {}, ValueError, "one of 'serving.* Received: signature='logit'"),
        ("logits", {}, ValueError, r"the keys \['image'\]\. Received: \[\]"),
        ("classify", {"inputs": [0]}, TypeError, "`inputs` must be bytes or str. Received: int"),
        ("classify", {"inputs": b"x"}, ValueError, r"must have the shape \(None,\)"),
        (
            "uncertainty",
            {"image": np.zeros((2, 4, 4, 3)), "seed": [1]},
            ValueError,
            "same number of rows.* 'seed': 1",
        ),
        (
            "uncertainty",
            {"image": np.zeros((1, 4, 4, 3)), "seed": [0.5]},
            TypeError,
            "`seed` must be int64",
        ),
    ],
)
def test_wrong_calls_are_named(predictor, signature, features, error, message):
    with pytest.raises(error, match=message):
        predictor.call(signature, **features)


def test_bytes_may_end_in_zeros(predictor, images):
    files = [png(image) + b"\0\0" for image in images]  # after its end, which is no error
    assert predictor.call("image_bytes", image_bytes=files)["label"].shape == (5,)


def test_a_compressed_model_answers_alike_and_reports(model, images, tmp_path):
    published = exports.export(
        model, tmp_path, fold=True, remove_dead_units=True, task="classification"
    )
    assert list(published.compressions) == ["remove_dead_units", "fold"]
    report = published.compressions["fold"]
    assert f"  fold: {report.bytes_before:,} bytes to {report.bytes_after:,}" in str(published)
    assert report.bytes_after < report.bytes_before
    answer = exports.load(tmp_path).predict(images)["probabilities"]
    expected = tf.nn.softmax(model.predict(images, verbose=0))
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_uncertainty_excludes_compressions(model, tmp_path):
    message = r"past dropout\. Received: fold=True, remove_dead_units=False"
    with pytest.raises(ValueError, match=message):
        exports.export(
            model, tmp_path, fold=True, signatures=["uncertainty"], task="classification"
        )


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_logits_are_the_outputs_divided_by_the_temperature(small_model, flowers, temperature):
    served = ServedModel(small_model, temperature=temperature)
    answer = Logits().answer(served, {"flower": tf.constant(flowers)})["logits"]
    expected = small_model.predict(flowers, verbose=0) / temperature
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
    probabilities = served.answers({"flower": tf.constant(flowers)})["probabilities"]
    np.testing.assert_allclose(tf.nn.softmax(answer), probabilities, rtol=1e-5)


def test_logits_of_probabilities_are_their_logarithms(flowers):
    dense = keras.layers.Dense(3, activation="softmax")
    model = keras.Sequential([keras.Input((4,), name="flower"), dense])
    features = {"flower": tf.constant(flowers)}
    answer = Logits().answer(ServedModel(model, task="classification"), features)["logits"]
    expected = np.log(model.predict(flowers, verbose=0))
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
    halved = ServedModel(model, temperature=2.0).answers(features)["probabilities"]
    by_hand = softmax(flowers @ dense.kernel.numpy() / 2, axis=-1)
    np.testing.assert_allclose(halved, by_hand, rtol=1e-5)
