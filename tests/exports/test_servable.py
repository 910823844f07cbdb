import gc
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from occam import exports
from occam.exports.gates import ExportCandidate
from occam.exports.gates.size import size
from occam.exports.heads import ClassificationHead
from occam.exports.saved_model import open_version
from occam.exports.servable import Servable, Table, Traceable

HEAD = ClassificationHead(("a", "b", "c"))
SPECS = {"x": tf.TensorSpec((None, 3), tf.float32, "x")}


def servable_of(function, variables=(), **others):
    """Return a `Servable` whose signatures have the single output `y`."""

    def traceable(function):
        return Traceable(lambda features: {"y": function(features)}, SPECS)

    functions = {"serving_default": function, **others}
    traceables = {name: traceable(function) for name, function in functions.items()}
    return Servable(traceables, HEAD, variables)


def test_weights_are_keyed_by_path_and_unread_ones_left_out():
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(2, name="head")]
    )
    servable = servable_of(lambda f: model(f["x"]), model.variables)
    assert sorted(servable.weights_by_path) == ["sequential/head/bias", "sequential/head/kernel"]


def test_variables_of_one_path_are_all_kept():
    first, second = (keras.layers.Dense(3, use_bias=False, name="same") for _ in range(2))
    variables = _built_variables(first, second)
    servable = servable_of(lambda f: second(first(f["x"])), variables)
    assert list(servable.weights_by_path) == ["same/kernel", "same/kernel_2"]


def _built_variables(*layers):
    for layer in layers:
        layer.build((None, 3))
    return [variable for layer in layers for variable in layer.variables]


def test_a_variable_of_tensorflow_is_stored_too(tmp_path):
    scale = tf.Variable(tf.constant([1.0, 2.0, 3.0]))
    servable = servable_of(lambda f: f["x"] * scale)
    servable.save(str(tmp_path))
    restored = tf.saved_model.load(str(tmp_path)).signatures["serving_default"]
    answer = restored(x=tf.ones((1, 3)))
    assert answer["y"].numpy().tolist() == [[1, 2, 3]]


def test_the_shortest_float_dtype_is_the_precision():
    servable = servable_of(lambda f: tf.cast(tf.cast(f["x"], tf.bfloat16), tf.float32))
    assert servable.precision == "bfloat16"


def test_a_weight_that_several_signatures_read_is_stored_once(tmp_path):
    scale = tf.Variable(tf.random.stateless_uniform((3,), (1, 2)))
    servable = servable_of(lambda f: f["x"] * scale, twice=lambda f: 2 * f["x"] * scale)
    servable.save(str(tmp_path))
    shapes = dict(tf.train.list_variables(str(tmp_path / "variables/variables"))).values()
    assert [shape for shape in shapes if shape] == [[3]]
    twice = tf.saved_model.load(str(tmp_path)).signatures["twice"]
    assert twice(x=tf.ones((1, 3)))["y"].numpy().tolist() == [(2 * scale.numpy()).tolist()]


def test_the_method_of_a_signature_is_written(tmp_path):
    def same(f):
        return {"y": f["x"]}

    traceables = {
        "serving_default": Traceable(same, SPECS),
        "classify": Traceable(same, SPECS, "tensorflow/serving/classify"),
    }
    Servable(traceables, HEAD, ()).save(str(tmp_path))
    saved = saved_model_pb2.SavedModel.FromString((tmp_path / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    assert signatures["serving_default"].method_name == "tensorflow/serving/predict"
    assert signatures["classify"].method_name == "tensorflow/serving/classify"


layers = keras.layers
WORDS = ["bee", "ant", "0"]
ROWS = np.array([["ant"], ["bee"], ["wasp"], [""], ["0"]])


def text_model():
    """Build a classifier of words that contains a vocabulary."""
    keras.utils.set_random_seed(0)
    word = keras.Input((1,), dtype="string", name="word")
    codes = layers.StringLookup(vocabulary=WORDS)(word)
    vector = layers.Flatten()(layers.Embedding(4, 5, embeddings_initializer="normal")(codes))
    return keras.Model(word, layers.Dense(3, kernel_initializer="normal")(vector))


def probabilities(model, rows):
    return tf.nn.softmax(model.predict(tf.constant(rows), verbose=0)).numpy()


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A model, and the directory of its export."""
    model, directory = text_model(), tmp_path_factory.mktemp("text")
    exports.export(
        model, directory, signatures=["classify"], card={"name": "words"}, task="classification"
    )
    return model, directory


def test_words_known_and_unknown_are_answered_as_by_the_model(text):
    model, directory = text
    answer = exports.load(directory).predict(ROWS)["probabilities"]
    np.testing.assert_allclose(answer, probabilities(model, ROWS), atol=1e-6)
    np.testing.assert_array_equal(answer[2], answer[3])
    assert len(np.unique(answer.round(6), axis=0)) == 4


def test_the_vocabulary_lies_in_the_graph_and_in_no_file_of_its_own(text):
    files = exports.Blessing.read(text[1] / "1").files
    assert not [name for name in files if name.startswith("assets/")]
    assert b"wasp" not in (text[1] / "1" / "saved_model.pb").read_bytes()
    assert b"bee" in (text[1] / "1" / "saved_model.pb").read_bytes()


def test_classify_takes_words_out_of_examples(text):
    values = {"word": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"ant"]))}
    example = tf.train.Example(features=tf.train.Features(feature=values)).SerializeToString()
    scores = exports.load(text[1]).call("classify", inputs=[example])["scores"]
    np.testing.assert_allclose(scores, probabilities(text[0], ROWS[:1]), atol=1e-6)


def test_unloading_a_version_leaves_the_tables_of_others_and_of_the_model(text):
    model, directory = text
    first, second = exports.load(directory), exports.load(directory)
    right = first.predict(ROWS)["probabilities"]
    del first
    gc.collect()
    np.testing.assert_array_equal(second.predict(ROWS)["probabilities"], right)
    np.testing.assert_allclose(probabilities(model, ROWS), right, atol=1e-6)


def vectorizer(**options):
    layer = layers.TextVectorization(**options)
    layer.adapt(np.array(["ant bee", "bee 0 1"]))
    return layer


def dense(units):
    return keras.Sequential([keras.Input((units,), name="x"), layers.Dense(3)])


def embedding(length):
    return keras.Sequential(
        [
            keras.Input((length,), dtype="int64", name="x"),
            layers.Embedding(9, 4, embeddings_initializer="normal"),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def sequential(dtype, *shape_and_layer):
    *shape, layer = shape_and_layer
    return keras.Sequential([keras.Input(tuple(shape), dtype=dtype, name="raw"), layer])


TEXTS = np.array(["ant wasp bee 0", "1"])
MADE = {
    "a layer of words": lambda: (embedding(1), layers.StringLookup(vocabulary=WORDS), ROWS),
    "a layer of integers": lambda: (
        embedding(1),
        layers.IntegerLookup(vocabulary=[5, 7]),
        np.array([[7], [2**40], [5]]),
    ),
    "a layer of texts": lambda: (embedding(4), vectorizer(output_sequence_length=4), TEXTS),
    "a model of texts": lambda: (
        dense(5),
        sequential("string", vectorizer(output_mode="tf_idf")),
        TEXTS,
    ),
    "a model of categories": lambda: (
        dense(4),
        sequential("int64", 2, layers.CategoryEncoding(4, output_mode="multi_hot")),
        np.array([[1, 2], [0, 3]]),
    ),
}


@pytest.mark.parametrize("name", MADE)
def test_preprocessing_that_looks_up(name, tmp_path):
    model, preprocessing, raw = MADE[name]()
    published = exports.export(model, tmp_path, preprocessing=preprocessing, task="classification")
    ((given, spec),) = published.inputs.items()
    assert spec.dtype == (tf.string if raw.dtype.kind == "U" else tf.int64)
    answer = exports.load(tmp_path).predict({given: raw})["probabilities"]
    right = probabilities(model, preprocessing(tf.constant(raw)))
    np.testing.assert_allclose(answer, right, atol=1e-6)


def looking_up(table):
    specs = {"x": tf.TensorSpec((None,), tf.string, "x")}
    function = Traceable(lambda f: {"y": table.lookup(f["x"])}, specs)
    return Servable({"serving_default": function}, HEAD, ())


def test_a_table_that_can_change_is_refused():
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    message = r"constant lookup tables\. Received: LookupTableFindV2 on another"
    with pytest.raises(exports.ExportError, match=message):
        looking_up(table)


def test_a_table_read_from_a_file_needs_it_no_more(tmp_path):
    (tmp_path / "words").write_text("ant\nbee\n")
    initializer = tf.lookup.TextFileInitializer(
        str(tmp_path / "words"),
        tf.string,
        tf.lookup.TextFileIndex.WHOLE_LINE,
        tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )
    looking_up(tf.lookup.StaticHashTable(initializer, -1)).save(str(tmp_path / "1"))
    shutil.move(tmp_path / "1", tmp_path / "2")
    (tmp_path / "words").unlink()
    model = tf.saved_model.load(str(tmp_path / "2"))
    answer = model.signatures["serving_default"](x=tf.constant(["bee", "cat", "ant"]))
    assert answer["y"].numpy().tolist() == [1, -1, 0]


def test_a_variable_is_not_a_table():
    assert Table.of(tf.Variable(1.0).handle) is None


def test_a_vocabulary_may_be_larger_than_a_graph(tmp_path):
    words = [f"{number:0300}" for number in range(9000)]
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(words, tf.range(9000, dtype=tf.int64)), -1
    )
    looking_up(table).save(str(tmp_path))
    result = size(ExportCandidate(tmp_path, open_version(tmp_path)))
    assert result.passed
    assert result.figures["bytes"] > 2**21
