"""`callbacks.TensorBoard` in real trainings, read back from its event files."""

import contextlib
import copy
import csv
import functools
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.graph import keras_util
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from occam import zoo
from occam.callbacks import TensorBoard, weight_penalty
from occam.callbacks.tensorboard import HParams, Interval, plot_run, read_scalars
from occam.callbacks.tensorboard.charts import grouped_name

tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="about TensorFlow's graph or KerasTuner"
)
EPOCHS = 3


def events(directory):
    return EventAccumulator(str(directory), size_guidance={"tensors": 0}).Reload()


def summaries(directory, plugin):
    """The tensors for one of TensorBoard's plugins, by tag."""
    read = events(directory)
    tags = read.Tags()["tensors"]
    return {
        tag: [event.tensor_proto for event in read.Tensors(tag)]
        for tag in tags
        if read.SummaryMetadata(tag).plugin_data.plugin_name == plugin
    }


def open_event_files():
    """The event files that this process holds open."""
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            names.append(os.readlink(link))
    return [name for name in names if "tfevents" in name]


@pytest.fixture(scope="module")
def run(tmp_path_factory, arrays, make_model, ledger):
    """A run with everything on: its directory and the model."""
    directory = tmp_path_factory.mktemp("run")
    x, y = arrays
    model = make_model()
    board = TensorBoard(
        directory,
        histogram_freq=1,
        write_images=True,
        embeddings_freq=2,
        samples=(x, y),
        augmentation=keras.layers.RandomTranslation(0.2, 0.2),
        validation=(x[:80], y[:80]),
        class_names=["a", "b", "c"],
        pictures_freq=2,
        card={"Regularization": "some"},
        hparams=HParams({"l2": 0.01}, {"l2": Interval(1e-4, 1.0, log=True)}, trial="7"),
    )
    log = keras.callbacks.CSVLogger(directory / "history.csv")
    model.fit(
        *(x[80:], y[80:]),
        validation_data=(x[:80], y[:80]),
        epochs=EPOCHS,
        verbose=0,
        callbacks=[ledger(), log, board],
    )
    return directory, model


def test_the_events_are_the_history(run):
    directory = run[0]
    with (directory / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == EPOCHS
    scalars = {
        name: read_scalars(directory / name) for name in ("train", "validation", "train_eval")
    }
    for name in rows[0]:
        if name != "epoch":
            of, tag = grouped_name(name)
            logged = [float(row[name]) for row in rows]
            assert list(scalars[of][tag]) == list(range(EPOCHS)), name
            np.testing.assert_allclose(list(scalars[of][tag].values()), logged, rtol=1e-6)
    train_eval = scalars["train_eval"]["loss/total"][EPOCHS - 1]
    assert train_eval == pytest.approx(0.5 + float(weight_penalty(run[1])), rel=1e-6)
    for step in range(EPOCHS):
        train = {tag: curve.get(step) for tag, curve in scalars["train"].items()}
        assert train["loss/total"] == pytest.approx(train["loss/data"] + train["penalty/total"])


def test_norms_of_weights_and_the_learning_rate_are_logged(run):
    directory, model = run
    train = read_scalars(directory / "train")
    norms = {tag for tag in train if tag.startswith("weights/norm/")}
    assert norms == {f"weights/norm/small/{layer}/kernel" for layer in ("hidden", "head")}
    kernel = keras.ops.convert_to_numpy(model.get_layer("head").kernel)
    last = train["weights/norm/small/head/kernel"][EPOCHS - 1]
    assert last == pytest.approx(np.linalg.norm(kernel), rel=1e-6)
    assert train["rates/learning_rate"][0] == pytest.approx(1e-3)


def test_the_layout_has_the_charts_of_the_logged_scalars(run):
    (tensor,) = summaries(run[0] / "train", "custom_scalars").values()
    layout = Layout.FromString(tensor[-1].string_val[0])
    titles = [chart.title for category in layout.category for chart in category.chart]
    assert titles[0] == "Data loss, and the penalty above it"
    assert {"Penalty of each layer", "Fraction of zeros", "Norms of weights"} <= set(titles)
    assert "Sharpness" not in titles


def test_histograms_and_pictures_of_weights(run):
    names = {v.path for v in run[1].weights}
    histograms = summaries(run[0] / "train", "histograms")
    assert set(histograms) == {f"weights/histogram/{name}" for name in names}
    assert all(len(steps) == EPOCHS for steps in histograms.values())
    images = summaries(run[0] / "train", "images")
    assert set(images) == {"samples", *(f"weights/image/{name}" for name in names)}


def test_pictures_of_predictions(run):
    images = summaries(run[0] / "validation", "images")
    names = ("confusion_matrix", "reliability", "mistakes")
    assert set(images) == {f"predictions/{name}" for name in names}
    assert all(len(steps) == 2 for steps in images.values())  # epoch 0, and the last
    assert all(steps[0].string_val[2].startswith(b"\x89PNG") for steps in images.values())
    curves = summaries(run[0] / "validation", "pr_curves")
    assert set(curves) == {
        f"precision_recall/{name}/pr_curves" for name in ("all classes", "a", "b", "c")
    }
    assert list(read_scalars(run[0] / "validation")["calibration/error"]) == [0, EPOCHS - 1]


def test_the_card(run):
    (text,) = summaries(run[0] / "train", "text")["card"]
    assert b"**Regularization:** some" in text.string_val[0]
    assert b"kernel: L2 l2 0.01" in text.string_val[0]


def test_the_conceptual_graph_has_the_layers(run):
    (text,) = summaries(run[0] / "train", "graph_keras_model")["keras"]
    graph = keras_util.keras_model_to_graph_def(json.loads(text.string_val[0]))
    assert "small/hidden" in {node.name for node in graph.node}


@tensorflow_only
def test_the_op_graph_has_dropout_and_penalty(run):
    graph = GraphDef.FromString(events(run[0] / "train").Graph().SerializeToString())
    nodes = {node.op: node.name for node in graph.node}
    assert nodes["MatMul"].startswith("small")
    assert any(op.startswith("Stateless") for op in nodes)  # dropout draws
    assert any(node.name.startswith("penalty/") for node in graph.node)


def test_tracing_the_graph_changes_no_state(arrays, make_model, tmp_path):
    keras.utils.set_random_seed(0)
    baseline = make_model()
    keras.utils.set_random_seed(0)
    watched = make_model()
    baseline.fit(*arrays, epochs=2, verbose=0, shuffle=False)
    board = TensorBoard(tmp_path, validation=arrays, samples=arrays, histogram_freq=1)
    watched.fit(*arrays, epochs=2, verbose=0, shuffle=False, callbacks=[board])
    for a, b in zip(baseline.variables, watched.variables, strict=True):
        np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (a, b)))


def test_hparams_have_rows_columns_and_metrics(run):
    read = events(run[0])
    start, experiment, end = (
        HParamsPluginData.FromString(read.SummaryMetadata(f"_hparams_/{tag}").plugin_data.content)
        for tag in ("session_start_info", "experiment", "session_end_info")
    )
    row = {name: v.number_value for name, v in start.session_start_info.hparams.items()}
    assert row == {"l2": 0.01, "log10_l2": -2.0}
    assert start.session_start_info.group_name == "7"
    columns = {info.name: info.domain_interval for info in experiment.experiment.hparam_infos}
    assert (columns["log10_l2"].min_value, columns["log10_l2"].max_value) == (-5.0, 0.0)
    metrics = [(m.name.group, m.name.tag) for m in experiment.experiment.metric_infos]
    assert metrics == [
        ("validation", "loss/data"),
        ("validation", "metrics/accuracy"),
        ("train", "penalty/total"),
        ("train", "gap/loss"),
        ("train", "gap/accuracy"),
    ]
    for group, tag in metrics:
        assert tag in read_scalars(run[0] / group)
    assert end.session_end_info.status == 1


def read_config(directory):
    text = (directory / "projector_config.pbtxt").read_text()
    return text_format.Parse(text, ProjectorConfig()).embeddings


def test_the_projector_finds_the_features_of_validation_samples(run):
    (entry,) = read_config(run[0] / "train")
    points = np.loadtxt(run[0] / "train" / entry.tensor_path, delimiter="\t")
    assert points.shape == (80, 4)
    lines = (run[0] / "train" / entry.metadata_path).read_text().splitlines()
    assert lines[0] == "class\tprediction"
    assert {line.split("\t")[0] for line in lines[1:]} == {"a", "b", "c"}


@pytest.fixture
def texts():
    """A model with an embedding in a nested model."""
    inner = keras.Sequential([keras.Input((5,)), keras.layers.Embedding(11, 3, name="words")])
    inputs = keras.Input((5,))
    pooled = keras.layers.GlobalAveragePooling1D()(inner(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(pooled))
    model.compile("adam", "mse")
    return model, np.ones((8, 5)), np.ones((8, 1))


def test_the_projector_finds_embedding_layers_before_the_first_epoch(texts, tmp_path):
    model, x, y = texts
    names = tmp_path / "names.tsv"
    names.write_text("\n".join("abcdefghijk"))
    seen = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(read_config(tmp_path / "train")[0])
    )
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "names.tsv"})
    for _ in range(2):  # Keras' own loses the metadata after the first
        model.fit(x, y, verbose=0, callbacks=[board, look])
    for entry in seen:
        assert (tmp_path / "train" / entry.metadata_path).resolve() == names.resolve()
        assert np.loadtxt(tmp_path / "train" / entry.tensor_path).shape == (11, 3)
    points = np.loadtxt(tmp_path / "train" / seen[0].tensor_path)
    np.testing.assert_allclose(points, model.layers[1].layers[0].get_weights()[0], rtol=1e-5)


def test_wrong_arguments_for_embeddings(texts, make_model, arrays, tmp_path):
    model, x, y = texts
    board = TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"wrods": "a.tsv"})
    with pytest.raises(ValueError, match=r"as keys: words. Received: wrods"):
        model.fit(x, y, verbose=0, callbacks=[board])
    with pytest.raises(ValueError, match="a model with an Embedding layer, or `validation`"):
        make_model().fit(*arrays, verbose=0, callbacks=[TensorBoard(tmp_path, embeddings_freq=1)])


@pytest.mark.parametrize(("freq", "steps"), [(3, [3, 6, 9, 12]), (100, []), ("batch", None)])
def test_an_integer_update_freq_logs_every_epoch(freq, steps, arrays, make_model, tmp_path):
    x, y = arrays  # 7 batches an epoch
    make_model().fit(
        *(x, y),
        validation_data=(x, y),
        epochs=2,
        verbose=0,
        callbacks=[TensorBoard(tmp_path, update_freq=freq)],
    )
    train = read_scalars(tmp_path / "train")
    assert list(train["loss/total"]) == [0, 1]
    assert list(read_scalars(tmp_path / "validation")["loss/total"]) == [0, 1]
    assert list(train.get("batch/loss", {})) == (list(range(1, 15)) if steps is None else steps)


class Boom(Exception):
    pass


class Raises(keras.callbacks.Callback):
    def __init__(self, hook):
        super().__init__()
        setattr(self, hook, self.explode)

    def explode(self, index, logs=None):
        if index == 1:
            raise Boom


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_train_batch_begin", "on_train_batch_end"])
def test_nothing_is_open_after_an_exception(hook, arrays, make_model, tmp_path):
    board = TensorBoard(tmp_path, histogram_freq=1)
    with pytest.raises(Boom):
        make_model().fit(*arrays, epochs=3, verbose=0, callbacks=[board, Raises(hook)])
    assert open_event_files() == []
    if hook == "on_epoch_end":
        assert list(read_scalars(tmp_path / "train")["loss/total"]) == [0, 1]


@tensorflow_only
def test_no_default_writer_is_left_after_a_step_that_raises(arrays, make_model, tmp_path):
    import tensorflow as tf

    x, y = arrays
    model = make_model(run_eagerly=True)
    steps = []

    def compute_loss(x, y, y_pred, *args, **kwargs):
        tf.summary.scalar("own", 1.0, step=len(steps))
        steps.append(tf.summary.should_record_summaries())
        if len(steps) > 2:
            raise Boom
        return keras.ops.mean(y_pred)

    model.compute_loss = compute_loss
    board = TensorBoard(tmp_path, update_freq=1)
    with pytest.raises(Boom):
        model.fit(x, y, verbose=0, callbacks=[board])
    assert [bool(step) for step in steps] == [True] * 3
    assert tf.summary.experimental.get_step() is None
    assert not tf.summary.should_record_summaries()
    assert open_event_files() == []
    assert list(read_scalars(tmp_path / "train")["own"]) == [0, 1, 2]
    assert model.train_function.__name__ != "call"


def test_it_can_be_copied_before_and_after_fit(arrays, make_model, tmp_path):
    board = copy.deepcopy(TensorBoard(tmp_path / "a", validation=arrays, update_freq=2))
    assert not (tmp_path / "a").exists()
    model = make_model()
    model.fit(*arrays, verbose=0, callbacks=[board])
    again = copy.deepcopy(board)
    assert again.predictions is not board.predictions
    again.predictions, again.log_dir = None, str(tmp_path / "b")
    model.fit(*arrays, verbose=0, callbacks=[again])
    for name in "ab":
        assert list(read_scalars(tmp_path / name / "train")["loss/total"]) == [0]


def test_it_can_be_used_again(arrays, make_model, tmp_path):
    board = TensorBoard(tmp_path)
    model = make_model()
    for epochs in ((0, 2), (2, 3)):
        model.fit(*arrays, initial_epoch=epochs[0], epochs=epochs[1], verbose=0, callbacks=[board])
    assert list(read_scalars(tmp_path / "train")["loss/total"]) == [0, 1, 2]
    assert len(list((tmp_path / "train").glob("events*"))) == 2


def test_evaluation_alone_is_logged_and_leaves_nothing_open(arrays, make_model, tmp_path):
    model = make_model()
    model.fit(*arrays, verbose=0)
    for freq in ("epoch", 1):
        board = TensorBoard(tmp_path / str(freq), update_freq=freq)
        model.evaluate(*arrays, verbose=0, callbacks=[board])
        scalars = read_scalars(tmp_path / str(freq) / "validation")
        assert set(scalars) == {f"evaluation/{name}_vs_iterations" for name in ("loss", "accuracy")}
        assert open_event_files() == []


def test_a_diverged_training_is_logged(arrays, make_model, tmp_path):
    model = make_model()
    for weight in model.weights:
        weight.assign(np.full(weight.shape, np.nan))
    board = TensorBoard(tmp_path, histogram_freq=1, write_images=True, validation=arrays)
    model.fit(*arrays, verbose=0, callbacks=[board])
    assert np.isnan(read_scalars(tmp_path / "train")["loss/total"][0])


def test_early_stopping_draws_the_restored_weights(arrays, make_model, tmp_path):
    board = TensorBoard(tmp_path, validation=arrays, pictures_freq=100)
    stop = keras.callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True)
    make_model().fit(*arrays, epochs=9, verbose=0, callbacks=[stop, board])
    last = max(read_scalars(tmp_path / "train")["loss/total"])
    assert last < 8
    assert list(read_scalars(tmp_path / "validation")["calibration/error"]) == [0, last]


class Mine(TensorBoard):
    """A user's subclass."""


@tensorflow_only
@pytest.mark.parametrize("board", [TensorBoard, Mine])
def test_kerastuner_gives_each_trial_its_directory(board, arrays, make_model, tmp_path, capsys):
    keras_tuner = pytest.importorskip("keras_tuner")

    def build(hp):
        hp.Float("rate", 0.0, 0.5)
        return make_model()

    tuner = keras_tuner.RandomSearch(
        build, objective="loss", max_trials=2, directory=tmp_path / "search", overwrite=True, seed=1
    )
    tuner.search(*arrays, verbose=0, callbacks=[board(tmp_path / "logs")])
    for trial in tuner.oracle.trials:
        assert "loss/total" in read_scalars(tmp_path / "logs" / trial / "execution0" / "train")
    assert {path.name for path in (tmp_path / "logs").iterdir()} == set(tuner.oracle.trials)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_freq": 0}, "'batch', 'epoch' or an integer >= 1. Received: update_freq=0"),
        ({"update_freq": "epochs"}, "Received: update_freq='epochs'"),
        ({"pictures_freq": 0}, "Received: pictures_freq=0"),
        ({"names": "short"}, "one of 'grouped', 'keras'. Received: names='short'"),
        ({"validation": np.zeros((3, 2))}, "samples with labels"),
        ({"augmentation": abs}, "`samples` must be given to show `augmentation`"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        TensorBoard(tmp_path, **arguments)


def test_class_names_must_match_the_model(arrays, make_model, tmp_path):
    board = TensorBoard(tmp_path, validation=arrays, class_names=["a", "b"])
    with pytest.raises(
        ValueError, match=r"has 3 columns of predictions. Received: 2 names and labels up to 2"
    ):
        make_model().fit(*arrays, verbose=0, callbacks=[board])


def test_keras_names_are_those_of_keras(arrays, make_model, tmp_path):
    found = []
    of_keras = keras.callbacks.TensorBoard
    for number, board in enumerate((functools.partial(TensorBoard, names="keras"), of_keras)):
        directory = tmp_path / str(number)
        make_model().fit(
            *arrays,
            validation_data=arrays,
            verbose=0,
            callbacks=[board(directory, write_steps_per_second=True, write_graph=False)],
        )
        found.append({run: set(read_scalars(directory / run)) for run in ("train", "validation")})
        titles = [axes.get_title() for axes in plot_run(directory).axes]
        assert titles == ["Loss", "Metrics"]
    assert found[0] == found[1]


class Late(keras.Model):
    """A model that its first batch builds."""

    def __init__(self):
        super().__init__()
        self.head = keras.layers.Dense(1)

    def call(self, inputs):
        return self.head(inputs)


def test_a_model_without_an_input_gets_its_card_after_the_first_epoch(tmp_path):
    model = Late()
    model.compile("sgd", "mse")
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    model.fit(x, y, epochs=2, verbose=0, callbacks=[TensorBoard(tmp_path)])
    (card,) = summaries(tmp_path / "train", "text").values()
    assert b"**Parameters:** 3" in card[0].string_val[0]


@pytest.mark.parametrize("names", ["grouped", "keras"])
def test_array_metrics_have_a_curve_per_entry(names, arrays, tmp_path):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")]
    )
    f1 = keras.metrics.F1Score
    metrics = [f1(name="f1"), f1("macro", name="macro")]
    model.compile("sgd", "categorical_crossentropy", metrics=metrics)
    x, y = arrays[0], np.eye(3)[arrays[1]]
    board = TensorBoard(tmp_path, update_freq=2, names=names, hparams={"l2": 0.1})
    history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[board]).history
    before = "metrics/" if names == "grouped" else "epoch_"
    for run, prefix in (("train", ""), ("validation", "val_")):
        scalars = read_scalars(tmp_path / run)
        entries = [scalars[f"{before}f1/{k}"][0] for k in range(3)]
        np.testing.assert_allclose(entries, history[f"{prefix}f1"][0], rtol=1e-6)
    assert f"{before}macro" in scalars


def ridge(weight):
    return 1e-3 * keras.ops.sum(keras.ops.square(weight))


class NoConfig(keras.regularizers.Regularizer):
    def __call__(self, x):
        return ridge(x)


class NoConfigLayer(keras.layers.Layer):
    """A layer that cannot be saved: its argument is not in its config."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs):
        return self.function(inputs)


def penalized(regularizer, *inner):
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Flatten()(inputs)
    for layer in (keras.layers.Dense(3, kernel_regularizer=regularizer, name="head"), *inner):
        x = layer(x)
    model = keras.Model(inputs, x)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_the_card_names_a_function_as_regularizer(arrays, tmp_path):
    penalized(ridge).fit(*arrays, verbose=0, callbacks=[TensorBoard(tmp_path)])
    (card,) = summaries(tmp_path / "train", "text").values()
    assert b"kernel: ridge" in card[0].string_val[0]


def test_parts_that_cannot_be_made_are_left_out_with_a_warning(arrays, tmp_path):
    model = penalized(NoConfig(), NoConfigLayer(keras.ops.sin))
    with pytest.warns(UserWarning, match="TensorBoard leaves out") as caught:
        model.fit(*arrays, verbose=0, callbacks=[TensorBoard(tmp_path)])
    messages = " ".join(str(warning.message) for warning in caught)
    assert "TensorBoard leaves out the config of NoConfig because of NotImplement" in messages
    assert "leaves out the conceptual graph because of NotImplement" in messages
    (card,) = summaries(tmp_path / "train", "text").values()
    assert b"kernel: NoConfig" in card[0].string_val[0]
    assert not summaries(tmp_path / "train", "graph_keras_model")


@tensorflow_only
def test_sharpness_aware_training_shows_the_graph_of_the_inner_model(arrays, make_model, tmp_path):
    trainer = zoo.SharpnessAware(make_model())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trainer.compile("sgd", loss, metrics=["accuracy"])
    board = TensorBoard(tmp_path, validation=arrays, embeddings_freq=1)
    trainer.fit(*arrays, verbose=0, callbacks=[board])
    graph = GraphDef.FromString(events(tmp_path / "train").Graph().SerializeToString())
    assert all(node.name.startswith("small") for node in graph.node if node.op == "MatMul")
    ((text,),) = summaries(tmp_path / "train", "graph_keras_model").values()
    assert b'"name": "small"' in text.string_val[0]
