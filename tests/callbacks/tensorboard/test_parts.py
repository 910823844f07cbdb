"""The parts of `callbacks.TensorBoard`, against values known by hand or from scikit-learn."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, recall_score
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.util import tensor_util

from occam.callbacks.tensorboard import HParams, Interval, charts, layout, read_scalars, runs_of
from occam.callbacks.tensorboard.card import card
from occam.callbacks.tensorboard.event_file import EventFile
from occam.callbacks.tensorboard.figure import draw_sample, new_figure
from occam.callbacks.tensorboard.grid import grid
from occam.callbacks.tensorboard.labelled import Labelled
from occam.callbacks.tensorboard.mistakes import mistakes
from occam.callbacks.tensorboard.names import grouped
from occam.callbacks.tensorboard.precision_recall import precision_recall_curves
from occam.callbacks.tensorboard.probabilities import probabilities
from occam.callbacks.tensorboard.reliability import calibration_error
from occam.callbacks.tensorboard.summaries import histogram, scalar, scalars


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("loss", ("train", "loss/total")),
        ("val_loss", ("validation", "loss/total")),
        ("data_loss", ("train", "loss/data")),
        ("val_data_loss", ("validation", "loss/data")),
        ("train_eval_loss", ("train_eval", "loss/data")),
        ("train_eval_accuracy", ("train_eval", "metrics/accuracy")),
        ("val_accuracy", ("validation", "metrics/accuracy")),
        ("penalty", ("train", "penalty/total")),
        ("val_penalty", ("validation", "penalty/total")),
        ("penalty/mlp/dense", ("train", "penalty/mlp/dense")),
        ("gap_loss", ("train", "gap/loss")),
        ("gap_accuracy", ("train", "gap/accuracy")),
        ("sparsity/dense", ("train", "sparsity/dense")),
        ("gradient_norm/dense", ("train", "gradient_norm/dense")),
        ("gradient_norm", ("train", "gradient_norm/total")),
        ("sharpness/worst", ("train", "sharpness/worst")),
        ("rates/dropout", ("train", "rates/dropout")),
        ("learning_rate", ("train", "rates/learning_rate")),
        ("val_head_loss", ("validation", "loss/head")),
        ("steps_per_second", ("train", "speed/steps_per_second")),
    ],
)
def test_where_a_logged_value_goes(name, place):
    assert grouped(name) == place


NAMES = st.tuples(
    st.sampled_from(["", "val_", "train_eval_", "gap_"]),
    st.text("abcdelostv_", min_size=1, max_size=8),
    st.sampled_from(["", "_loss", "/total", "/a/b"]),
).map("".join)


@settings(deadline=None)
@given(NAMES)
def test_no_name_is_without_a_group(name):
    run, tag = grouped(name)
    assert run in ("train", "validation", "train_eval")
    assert "/" in tag


def test_an_output_or_a_layer_named_total_does_not_hide_the_total():
    names = ["loss", "total_loss", "penalty", "penalty/total"]
    assert len({grouped(name) for name in names}) == 4


def charts_of(tags):
    return layout.charts(layout.layout(tags).value[0].tensor.string_val[0])


def test_the_layout_has_charts_for_what_is_logged_only():
    assert charts_of(["loss/total"]) == ["Loss with penalty"]
    whole = charts_of(["loss/total", "loss/data", "sparsity/a", "weights/norm/a"])
    assert whole[0] == "Data loss, and the penalty above it"
    assert whole[-2:] == ["Share of zeros", "Norms of weights"]
    assert charts_of([]) == []


def test_what_is_off_has_an_effective_value_in_every_column():
    ranges = {"l2": Interval(1e-5, 0.1, log=True), "dropout": Interval(0, 0.5), "mix": ("no", "up")}
    assert HParams({"l2": None, "dropout": 0.2}, ranges).effective() == {
        "l2": 0.0,
        "log10_l2": -6.0,
        "dropout": 0.2,
        "mix": "no",
    }
    assert HParams({"l2": 1e-3}, ranges).effective()["log10_l2"] == pytest.approx(-3)
    assert HParams({"seed": np.int64(3), "extra": None}).effective() == {"seed": 3, "extra": 0.0}


def test_hparams_say_what_is_wrong():
    with pytest.raises(ValueError, match=r"mix must be among \['no', 'up'\]. Received: 'x'"):
        HParams({"mix": "x"}, {"mix": ("no", "up")})
    with pytest.raises(ValueError, match=r"bools, numbers and texts. Received: l2=\[1\]"):
        HParams({"l2": [1]})
    with pytest.raises(ValueError, match=r"0 < low <= high. Received: low=0, high=1"):
        Interval(0, 1, log=True)


def test_the_columns_of_a_tuner_are_complete_where_a_condition_is_not_met():
    keras_tuner = pytest.importorskip("keras_tuner")
    space = keras_tuner.HyperParameters()
    space.Boolean("penalize")
    with space.conditional_scope("penalize", [True]):
        space.Float("l2", 1e-5, 1e-1, sampling="log", default=1e-3)
    space.Choice("units", [16, 32])
    off = HParams.from_tuner(space).effective()
    assert off == {"penalize": False, "l2": 0.0, "log10_l2": -6.0, "units": 16}
    space.values["penalize"] = True
    on = HParams.from_tuner(space).effective()
    assert on.keys() == off.keys()
    assert (on["l2"], on["log10_l2"]) == (1e-3, pytest.approx(-3))


@pytest.fixture(scope="module")
def answers():
    """300 labels of 4 classes, and probabilities that favor them."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 4, 300)
    scores = np.exp(generator.normal(size=(300, 4)) + 2 * np.eye(4)[y])
    return y, scores / scores.sum(1, keepdims=True)


@pytest.mark.parametrize("threshold", [0, 13, 50, 87])
def test_precision_and_recall_are_those_of_scikit_learn(answers, threshold):
    y, p = answers
    curve = precision_recall_curves(y, p, "abcd")[2].value[0]
    assert curve.tag == "precision_recall/b/pr_curves"
    table = tensor_util.make_ndarray(curve.tensor)[:, threshold]
    truth, yes = y == 1, p[:, 1] >= threshold / 100
    assert table[4] == pytest.approx(precision_score(truth, yes, zero_division=0))
    assert table[5] == pytest.approx(recall_score(truth, yes))
    assert table[:4].sum() == len(y)


def test_the_calibration_error_by_hand():
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.65, 0.35], [0.65, 0.35]])
    y = np.array([0, 0, 0, 1])  # two right of two at .95, one of two at .65
    assert calibration_error(y, p) == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)


def test_probabilities_of_every_form_of_output():
    linear = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    x = np.array([[0.0], [np.log(3)]], "float32")
    np.testing.assert_allclose(
        probabilities(linear, x, from_logits=True), [[0.5, 0.5], [0.25, 0.75]], atol=1e-6
    )
    x = np.array([[0.2]], "float32")
    np.testing.assert_allclose(probabilities(linear, x, from_logits=False), [[0.8, 0.2]], atol=1e-6)
    linear.compile(loss="binary_crossentropy")
    np.testing.assert_allclose(probabilities(linear, x), [[0.8, 0.2]], atol=1e-6)
    linear.compile(loss=lambda y, p: p)
    with pytest.raises(ValueError, match="Give from_logits=True or False"):
        probabilities(linear, x)


def test_samples_from_arrays_and_batches():
    x, y = np.zeros((6, 2)), np.arange(6)
    for source in ((x, y), [(x[:2], y[:2]), (x[2:], y[2:])], (x, np.eye(6))):
        gathered = Labelled.gather(source, 5, "validation")
        assert len(gathered) == 5
        assert gathered.y.tolist() == [0, 1, 2, 3, 4]
    assert Labelled.gather(x, 3, "samples").y is None
    soft = np.array([[0.3, 0.7], [0.6, 0.4]])
    assert Labelled.gather((x[:2], soft), 5, "validation").y.tolist() == [1, 0]


def test_samples_of_any_form():
    pandas = pytest.importorskip("pandas")
    x, y = np.zeros((6, 2)), np.arange(6)
    tensors = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)
    for source in (tensors, (pandas.DataFrame(x), pandas.Series(y)), (x, pandas.Series(y * 1.0))):
        gathered = Labelled.gather(source, 5, "validation")
        assert gathered.x.shape == (5, 2)
        assert gathered.y.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("scores", [[[0.9, 0.8]], [[1.5, -0.5]]])
def test_answers_that_are_no_probabilities_of_classes(scores):
    linear = keras.Sequential([keras.Input((2,)), keras.layers.Activation("linear")])
    with pytest.raises(ValueError, match="give from_logits=True if they are logits; several label"):
        probabilities(linear, np.array(scores), from_logits=False)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "validation must be arrays x or .* Received: int"),
        ({"x": np.zeros(2)}, "Received: dict"),
        ([], "at least one sample"),
        ((np.zeros((2, 2)), np.array([0.5, 1.0])), "integers from 0, or a column each"),
        ((np.zeros((2, 2)), np.zeros(3)), "a label for each sample. Received: 2 and 3"),
        ((np.zeros((2, 2)), np.array([[1, 0, 1], [0, 0, 1]])), "a row that sums to 2"),
        ((np.zeros((2, 2)), np.array([[0, 0], [0, 1]])), "several labels a .* row that sums to 0"),
        ((np.zeros((2, 2)), np.array([[2.5, -1.5], [0, 1]])), "a regression, are not drawn"),
        ((np.zeros((2, 2)), np.array([[-1.0], [2.0]])), "integers from 0"),
        (
            (np.zeros((2, 2)), np.array(["cat", "dog"])),
            "class numbers .* Received: .*cat",
        ),
        ((np.zeros((2, 2)), np.array(["cat", None], object)), "give the names as class_names"),
    ],
)
def test_samples_say_what_is_wrong(source, message):
    with pytest.raises(ValueError, match=message):
        Labelled.gather(source, 5, "validation")


@pytest.mark.parametrize("shape", [(7,), (9, 2), (5, 5, 1), (5, 5, 3)])
def test_features_series_and_images_are_drawn(shape):
    axes = new_figure(2, 2).subplots()
    draw_sample(axes, np.random.default_rng(0).normal(size=shape))
    assert len(axes.images) == (len(shape) == 3)
    assert len(axes.lines) == {1: 1, 2: shape[-1], 3: 0}[len(shape)]
    with pytest.raises(ValueError, match="must be features, a series"):
        draw_sample(axes, np.zeros((2, 2, 2, 2)))


def test_the_grid_of_augmented_samples_is_the_same_each_time_and_touches_no_state():
    layer = keras.layers.RandomTranslation(0.3, 0.3, seed=3)
    samples = Labelled(np.random.default_rng(0).random((9, 6, 6, 1), "float32"), np.arange(9))
    states = [np.array(keras.ops.convert_to_numpy(v)) for v in layer.variables]
    first, second = (grid(samples, None, layer) for _ in range(2))
    pictures = [[axes.images[0].get_array() for axes in f.axes] for f in (first, second)]
    for one, other in zip(*pictures, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(pictures[0]) == 32
    assert any((a != b).any() for a, b in zip(pictures[0][:8], pictures[0][8:16], strict=True))
    assert any((a != b).any() for a, b in zip(pictures[0][8:16], pictures[0][16:24], strict=True))
    for before, variable in zip(states, layer.variables, strict=True):
        np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(variable))


def test_mistakes_come_surest_first(answers):
    y, p = answers
    figure = mistakes(np.zeros((300, 5)), y, p, list("abcd"))
    titles = [axes.get_title() for axes in figure.axes]
    wrong = np.flatnonzero(p.argmax(1) != y)
    surest = wrong[p.max(1)[wrong].argmax()]
    true, said = "abcd"[y[surest]], "abcd"[p.argmax(1)[surest]]
    assert titles[0] == f"{true}, said {said}:\n{p[surest].max():.2f}"
    assert f"({len(wrong)} of 300)" in figure.subfigs[0]._suptitle.get_text()
    right = mistakes(np.zeros((1, 5)), np.array([0]), np.array([[1.0, 0.0]]), "ab")
    assert right.subfigs[0]._suptitle.get_text() == "no sample is misclassified"


def test_a_histogram_of_a_diverged_weight():
    kept = histogram("w", [np.nan, 1.0, 2.0, np.inf])
    assert histogram("w", [1.0, 2.0]) == kept
    histogram("w", [np.nan])


def test_the_card_names_penalties_and_rates():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dropout(0.25, name="drop"),
            keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5), name="head"),
        ],
        name="small",
    )
    model.compile(keras.optimizers.AdamW(weight_decay=0.01), "mse")
    text = card(model, {"Regularization": "l2|dropout"})
    assert text.startswith("# small\n\n**Regularization:** l2\\|dropout\n\n**Parameters:** 10\n")
    assert "| drop | Dropout | (None, 4) | 0 | rate 0.25 |" in text
    assert "| head | Dense | (None, 2) | 10 | kernel: L2 l2 0.5 |" in text
    assert "**Optimizer:** AdamW, weight decay 0.01" in text
    assert "**Loss:** mse" in text


def test_events_are_appended_and_the_last_value_of_a_step_counts(tmp_path):
    file = EventFile(tmp_path / "train")
    file.add(0, scalar("a", 1.0))
    file.add(0, scalar("a", 2.0), scalar("b", 3.0))
    EventFile(tmp_path / "train").add(1, scalar("a", 4.0))
    assert read_scalars(tmp_path / "train") == {"a": {0: 2.0, 1: 4.0}, "b": {0: 3.0}}
    assert runs_of(tmp_path) == [tmp_path / "train"]


def test_charts_say_what_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        charts(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="holds no TensorBoard logs"):
        charts(tmp_path)
    EventFile(tmp_path / "a" / "train").add(0, scalar("other", 1.0))
    with pytest.raises(ValueError, match="none of the scalars"):
        charts(tmp_path)
    EventFile(tmp_path / "b" / "train").add(0, scalar("other", 1.0))
    with pytest.raises(ValueError, match=r"must hold one run, to be drawn. Received: a, b"):
        charts(tmp_path)


def test_charts_draw_the_band_and_leave_nothing_empty(tmp_path):
    for run in ("train", "validation"):
        file = EventFile(tmp_path / run)
        for step in range(3):
            file.add(step, scalar("loss/data", 1.0), scalar("loss/total", 1.5))
    figure = charts(tmp_path)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["loss", "penalties"]  # the penalty is the difference of the two
    (band, _) = figure.axes[0].collections
    assert band.get_paths()[0].get_extents().bounds == (0.0, 1.0, 2.0, 0.5)
    assert [line.get_ydata().tolist() for line in figure.axes[1].lines] == [[0.5] * 3] * 2


@pytest.mark.parametrize("value", [2.5, 0, float("nan"), np.float32(1e-30)])
def test_a_number_is_what_tensorboard_makes_of_it(value):
    ours, theirs = scalar("loss/total", value), scalar_pb("loss/total", value)
    assert ours.SerializeToString() == theirs.SerializeToString()


def test_many_numbers_are_one_event(tmp_path):
    EventFile(tmp_path).add(3, scalars({"loss/total": 2.5, "loss/data": 2.0}))
    assert read_scalars(tmp_path) == {"loss/total": {3: 2.5}, "loss/data": {3: 2.0}}
