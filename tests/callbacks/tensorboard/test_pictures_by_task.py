"""Pictures of labels and of values, against scikit-learn, and in real trainings by task."""

import keras
import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score, mean_absolute_error, r2_score
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from occam.callbacks import TensorBoard
from occam.callbacks.tensorboard import label_pictures, value_pictures
from occam.callbacks.tensorboard.label_pictures import LabelPictures
from occam.callbacks.tensorboard.value_pictures import ValuePictures
from occam.zoo.losses import StandardizedSquaredError

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(120, 5)).astype("float32")
LABELS = X[:, :3] + GENERATOR.normal(size=(120, 3)) > [0, 0.5, 1]
PROBABILITIES = np.clip(1 / (1 + np.exp(-2 * X[:, :3])), 0, 1)
VALUES = 100 + 10 * (X[:, :2] + GENERATOR.normal(size=(120, 2)))
PREDICTED = 100 + 10 * X[:, :2].astype("float64")
NAMES = ["red", "green", "blue"]


def test_f1_scores_are_those_of_scikit_learn():
    axes = label_pictures.f1_scores(LABELS, PROBABILITIES, NAMES).axes[0]
    guess = PROBABILITIES >= 0.5
    widths = [bar.get_width() for bar in axes.patches]
    np.testing.assert_allclose(widths, f1_score(LABELS, guess, average=None))
    assert axes.get_yticklabels()[0].get_text() == f"red ({LABELS[:, 0].sum()})"
    assert f"macro {f1_score(LABELS, guess, average='macro'):.3f}" in axes.get_title()


def test_of_many_labels_the_most_frequent_have_a_bar():
    many = np.arange(40) < np.arange(1, 41)[::-1, None]  # label 0 is the most frequent
    axes = label_pictures.f1_scores(many, many.astype(float), [*map(str, range(40))]).axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()][:2] == ["0 (40)", "1 (39)"]
    assert len(axes.patches) == 30
    assert "most frequent 30 of 40 labels" in axes.get_title()


def test_the_frequencies_of_labels_are_those_of_scikit_learn():
    counts, observed, error = label_pictures.label_calibration(LABELS, PROBABILITIES)
    true, mean = calibration_curve(LABELS.ravel(), PROBABILITIES.ravel(), n_bins=10)
    np.testing.assert_allclose(observed[counts > 0], true)
    share = counts[counts > 0] / counts.sum()
    assert error == pytest.approx((share * np.abs(true - mean)).sum())


def test_co_occurrence_is_the_share_of_samples_with_another_label():
    figure = label_pictures.co_occurrence(LABELS, PROBABILITIES, NAMES)
    shown = np.asarray(figure.axes[0].images[0].get_array())
    red, blue = LABELS[:, 0], LABELS[:, 2]
    assert shown[0, 2] == pytest.approx(blue[red].mean())
    assert shown[2, 0] == pytest.approx(red[blue].mean())
    assert figure.axes[1].get_title() == "predicted labels"


def test_the_worst_labels_are_named():
    y = np.array([[True, False, True], [False, False, False]])
    p = np.array([[0.1, 0.8, 0.9], [0.1, 0.1, 0.1]])
    captions = [axes.get_title() for axes in label_pictures.mistakes(X, y, p, NAMES).axes]
    assert captions[:2] == ["missed red 0.10\nwrong green 0.80", "all right"]


def test_scores_of_values_are_those_of_scikit_learn():
    figure = value_pictures.predicted_true(VALUES, PREDICTED, ["a", "b"])
    for k, axes in enumerate(figure.axes):
        true, predicted = VALUES[:, k], PREDICTED[:, k]
        r2, mae = r2_score(true, predicted), mean_absolute_error(true, predicted)
        assert axes.get_title() == f"{'ab'[k]}: R2 {r2:.3f}, MAE {mae:.3g}"
        np.testing.assert_allclose(axes.collections[0].get_offsets(), np.c_[predicted, true])


def test_residuals_are_true_minus_predicted():
    axes = value_pictures.residuals(VALUES, PREDICTED, ["a", "b"]).axes[1]
    expected = np.c_[PREDICTED[:, 1], VALUES[:, 1] - PREDICTED[:, 1]]
    np.testing.assert_allclose(axes.collections[0].get_offsets(), expected)
    histogram = value_pictures.residual_histogram(VALUES, PREDICTED, ["a", "b"]).axes[1]
    assert sum(bar.get_height() for bar in histogram.patches) == len(VALUES)


def test_the_largest_residual_in_deviations_comes_first():
    true = np.c_[[0.0, 1.0, 2.0, 3.0], [0.0, 1e3, 2e3, 3e3]]
    predicted = np.add(true, [[0, 0], [2, 0], [0, 1e3], [0, 0]])
    captions = [axes.get_title() for axes in value_pictures.mistakes(X, true, predicted, "ab").axes]
    assert captions[:2] == ["a: 1\npredicted 3", "b: 2000\npredicted 3000"]


def test_of_many_targets_the_first_have_a_panel():
    figure = value_pictures.residuals(np.zeros((3, 20)), np.ones((3, 20)), [*map(str, range(20))])
    assert figure._suptitle.get_text() == "first 9 of 20 targets"
    assert sum(axes.axison for axes in figure.axes) == 9


@pytest.mark.parametrize(
    ("pictures", "y", "message"),
    [
        (LabelPictures(), np.array([0, 1]), r"matrix .* of 0 and 1 .* in shape \(2,\)"),
        (LabelPictures(), np.array([[0, 2.0]]), r"Received: \[0.0, 2.0\] in shape \(1, 2\)"),
        (ValuePictures(), np.array([1.0, np.nan]), r"finite numbers .* shape \(2,\), 1 not finite"),
        (ValuePictures(), np.zeros((2, 2, 2)), r"Received: shape \(2, 2, 2\)"),
    ],
)
def test_targets_that_do_not_suit_the_task(pictures, y, message):
    with pytest.raises(ValueError, match=f"of `validation` must be .*{message}"):
        pictures.targets(y, "validation")


def test_outputs_that_are_no_probabilities_of_labels():
    with pytest.raises(ValueError, match=r"probabilities of labels, .* outputs from -1 to 2"):
        LabelPictures().predictions(np.array([[-1.0, 2.0]]), "binary_crossentropy", None)


def fit(directory, loss, y, units, epochs=1, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(units, name="head")])
    model.compile("adam", loss)
    arguments = {"validation": (X, y), **arguments}
    board = TensorBoard(directory, write_graph=False, embeddings_freq=1, **arguments)
    model.fit(X, y, epochs=epochs, verbose=0, callbacks=[board])


def tags(directory):
    return EventAccumulator(str(directory)).Reload().Tags()["tensors"]


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)
LABELLED = {"f1", "co_occurrence", "reliability", "mistakes"}
VALUED = {"predicted_true", "residuals", "residual_histogram", "mistakes"}


@pytest.mark.parametrize(
    ("loss", "y", "arguments", "pictures", "table"),
    [
        (LOGITS, LABELS.astype("float32"), {"class_names": NAMES}, LABELLED, "labels\tprediction"),
        ("huber", VALUES, {}, VALUED, "target 0\tpredicted target 0\t"),
        (StandardizedSquaredError([2.0]), VALUES[:, 0], {}, VALUED, "target\tpredicted target"),
        (lambda y, outputs: abs(y - outputs), VALUES, {"task": "regression"}, VALUED, "target 0"),
    ],
    ids=["multilabel", "huber", "standardized", "told"],
)
def test_pictures_follow_from_the_compiled_loss(loss, y, arguments, pictures, table, tmp_path):
    units = 1 if y.ndim == 1 else y.shape[1]
    fit(tmp_path, loss, y, units, samples=(X, y), **arguments)
    found = tags(tmp_path / "validation")
    names = {tag.removeprefix("predictions/") for tag in found if tag.startswith("predictions/")}
    assert names == pictures
    assert ("precision_recall/blue/pr_curves" in found) == (pictures == LABELLED)
    assert "samples" in tags(tmp_path / "train")
    points = tmp_path / "train" / "projector" / "validation features_metadata.tsv"
    assert points.read_text().startswith(table)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="strings are of TensorFlow")
def test_samples_of_text(tmp_path):
    texts, y = np.array(["good film", "bad film", "not bad"] * 4), np.array([1, 0, 1] * 4)
    words = keras.layers.TextVectorization(8, output_mode="multi_hot")
    words.adapt(texts)
    layers = [keras.Input((), dtype="string"), words, keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    board = TensorBoard(tmp_path, write_graph=False, validation=(texts, y), samples=(texts, y))
    model.fit(keras.ops.convert_to_tensor(texts, "string"), y, verbose=0, callbacks=[board])
    assert "predictions/mistakes" in tags(tmp_path / "validation")
    assert "samples" in tags(tmp_path / "train")


def test_a_task_that_the_loss_does_not_tell(tmp_path):
    message = "`task` must be one of 'classification', .*Received: task=None, loss=.*, 2 outputs"
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, "cosine_similarity", VALUES, 2)
    with pytest.raises(ValueError, match=r"one of .*'regression', None\. Received: task='ranking'"):
        TensorBoard(tmp_path, task="ranking")
    with pytest.raises(ValueError, match="must be integers >= 0"):
        TensorBoard(tmp_path, validation=(X, VALUES[:, 0]), task="classification")


def test_targets_of_another_width_than_the_outputs(tmp_path):
    with pytest.raises(ValueError, match=r"has 2 columns .* 2 names and targets of shape \(120, 1"):
        fit(tmp_path, "mse", VALUES[:, 0], 2)


def test_several_outputs_have_no_pictures(tmp_path):
    inputs = keras.Input((5,))
    model = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(2)(inputs)])
    model.compile("adam", ["mse", "mae"])
    board = TensorBoard(tmp_path, validation=(X, VALUES))
    message = r"a model with one output .* Received: outputs of shape \(None, 1\), \(None, 2\)"
    with pytest.raises(ValueError, match=message):
        model.fit(X, (VALUES[:, 0], VALUES), verbose=0, callbacks=[board])
