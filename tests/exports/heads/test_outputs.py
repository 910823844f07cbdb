import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from occam import exports

PICTURES = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")


def segmentation():
    inputs = keras.Input((8, 8, 3), name="picture")
    x = layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same", name="features")(inputs))
    x = layers.Dropout(0.5)(x)
    mask = layers.Conv2D(2, 1)(x)
    pooled = layers.GlobalAveragePooling2D()(x)
    outputs = {
        "mask": mask,
        "class": keras.ops.argmax(mask, axis=-1),
        "age": layers.Dense(1)(pooled),
    }
    return keras.Model(inputs, outputs)


def test_several_outputs_are_served_by_name(tmp_path):
    model = segmentation()
    published = exports.export(
        model, tmp_path, fold=True, signatures=[exports.Embedding("features")]
    )
    assert (published.task, published.names) == ("outputs", ("age", "class", "mask"))
    predictor = exports.load(tmp_path)
    answer, expected = predictor.predict(PICTURES), model.predict(PICTURES, verbose=0)
    assert {name: str(x.dtype) for name, x in answer.items()} == {
        "age": "float32",
        "class": "int32",
        "mask": "float32",
    }
    for name, array in answer.items():
        np.testing.assert_allclose(array, expected[name], atol=1e-5)
    assert (predictor.task, predictor.class_names, predictor.target_names) == ("outputs", (), ())
    assert "outputs=('age', 'class', 'mask')" in repr(predictor)
    made = json.loads((published.path / "export.json").read_text())
    assert (made["task"], made["names"]) == ("outputs", ["age", "class", "mask"])
    assert "Outputs: age, class, mask." in (published.path / "README.md").read_text()
    assert exports.verify(tmp_path, 1)[0].passed


def test_sequences_of_any_length_are_served(tmp_path):
    inputs = keras.Input((None, 3), name="steps")
    model = keras.Model(inputs, layers.Dense(2)(layers.GRU(4, return_sequences=True)(inputs)))
    model.compile("sgd", "mse")
    published = exports.export(model, tmp_path)
    assert published.outputs["outputs"].shape.as_list() == [None, None, 2]
    predictor = exports.load(tmp_path)
    for length in (3, 7):
        steps = np.ones((2, length, 3), "float32")
        expected = model.predict(steps, verbose=0)
        np.testing.assert_allclose(predictor.predict(steps)["outputs"], expected, atol=1e-6)


class TwoTowers(keras.Model):
    def __init__(self):
        super().__init__()
        self.left, self.right = layers.Dense(3), layers.Dense(2)

    def call(self, x):
        return {"left": self.left(x), "right": self.right(x)}


def test_a_subclassed_model_with_a_known_input_is_served(tmp_path):
    model = TwoTowers()
    x = np.ones((2, 4), "float32")
    model(x)
    exports.export(model, tmp_path)
    answer = exports.load(tmp_path).predict(x)
    np.testing.assert_allclose(answer["right"], model.predict(x, verbose=0)["right"], atol=1e-6)


def test_an_embedding_is_served_when_told(tmp_path):
    dense = layers.Dense(6, name="vector")
    model = keras.Sequential([keras.Input((4,)), dense, layers.UnitNormalization(name="unit")])
    exports.export(model, tmp_path, task="outputs")
    answer = exports.load(tmp_path).predict(np.ones((2, 4)))
    np.testing.assert_allclose(np.linalg.norm(answer["unit"], axis=-1), 1, rtol=1e-5)


def test_the_formats_answer_by_name(tmp_path):
    model = segmentation()
    # LiteRT does not have the operations of Keras' argmax.
    outputs: dict = model.output  # pyright: ignore[reportAssignmentType]
    model = keras.Model(model.input, [outputs["mask"], outputs["age"]])
    published = exports.export(model, tmp_path, formats=("litert", "onnx", "openvino"), warmup=())
    expected = exports.load(tmp_path).predict(PICTURES)
    for name in published.formats:
        answer = exports.load(tmp_path, format=name).predict(PICTURES)
        assert answer.keys() == expected.keys()
        np.testing.assert_allclose(answer["outputs_0"], expected["outputs_0"], atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"signatures": ["logits"]}, "'logits' needs the task 'classification' or 'multilabel'"),
        ({"signatures": ["classify"]}, "'classify' needs the task 'classification'"),
        ({"signatures": ["uncertainty"]}, "'uncertainty' needs the task"),
        ({"signatures": ["embedding"]}, "needs a single path of layers"),
        ({"formats": "litert_dynamic"}, "a task with a metric to check an approximate format"),
        (
            {"checks": exports.Checks(data=({"picture": PICTURES}, np.zeros(5)))},
            "`data` must be None for the task 'outputs'",
        ),
    ],
)
def test_what_needs_a_task_is_refused(arguments, message, tmp_path):
    with pytest.raises(exports.ExportError, match=message):
        exports.export(segmentation(), tmp_path / "new", **arguments)


def test_integers_and_text_are_served_as_they_are(tmp_path):
    inputs = keras.Input((2,), name="x", dtype="int32")
    words = layers.Lambda(lambda x: tf.strings.as_string(x), name="words")
    model = keras.Model(inputs, {"twice": 2 * inputs, "words": words(inputs)})
    exports.export(model, tmp_path)
    answer = exports.load(tmp_path).predict([[1, -2]])
    assert {name: x.tolist() for name, x in answer.items()} == {
        "twice": [[2, -4]],
        "words": [["1", "-2"]],
    }


def test_dead_units_are_removed_before_several_heads(tmp_path):
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(6, activation="relu", name="hidden")
    x = hidden(inputs)
    model = keras.Model(inputs, {"a": layers.Dense(2)(x), "b": layers.Dense(1)(x)})
    hidden.kernel.assign(np.where(np.arange(6) < 3, hidden.kernel, 0))
    published = exports.export(model, tmp_path, remove_dead_units=True)
    assert published.compressions["remove_dead_units"].changes
    rows = np.ones((2, 4), "float32")
    answer, expected = exports.load(tmp_path).predict(rows), model.predict(rows, verbose=0)
    for name in "ab":
        np.testing.assert_allclose(answer[name], expected[name], atol=1e-6)


def test_nan_is_refused(tmp_path):
    model = segmentation()
    model.layers[1].bias.assign([np.nan] * 4)
    with pytest.raises(exports.ExportError, match=r"must return numbers\. Received: .* are NaN"):
        exports.export(model, tmp_path)


def test_a_random_output_is_refused(tmp_path):
    inputs = keras.Input((4, 4), name="x")
    noise = layers.Lambda(lambda x: x + keras.random.normal((1,)), name="noise")
    with pytest.raises(exports.ExportError, match=r"gate purity: .* draws random numbers"):
        exports.export(keras.Model(inputs, {"a": inputs + 1, "b": noise(inputs)}), tmp_path)
