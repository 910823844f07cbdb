"""Samples, and pictures of predictions, against values by hand or from scikit-learn."""

import keras
import numpy as np
import pytest
from sklearn.metrics import precision_score, recall_score
from tensorboard.util import tensor_util

from occam.callbacks.tensorboard.class_pictures import ClassPictures, mistakes
from occam.callbacks.tensorboard.pictures import precision_recall_curves, predict
from occam.callbacks.tensorboard.samples import SampleSet, draw_sample, grid
from occam.callbacks.tensorboard.summaries import new_figure


@pytest.fixture(scope="module")
def predictions():
    """300 labels of 4 classes, and probabilities that favor them."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 4, 300)
    scores = np.exp(generator.normal(size=(300, 4)) + 2 * np.eye(4)[y])
    return y, scores / scores.sum(1, keepdims=True)


@pytest.mark.parametrize("threshold", [0, 13, 50, 87])
def test_precision_and_recall_are_those_of_scikit_learn(predictions, threshold):
    y, p = predictions
    truth = np.eye(4, dtype=bool)[y]
    curve = precision_recall_curves(truth, p, "abcd", "all classes")[2].value[0]
    assert curve.tag == "precision_recall/b/pr_curves"
    table = tensor_util.make_ndarray(curve.tensor)[:, threshold]
    truth, yes = y == 1, p[:, 1] >= threshold / 100
    assert table[4] == pytest.approx(precision_score(truth, yes, zero_division=0))
    assert table[5] == pytest.approx(recall_score(truth, yes))
    assert table[:4].sum() == len(y)


def test_the_most_confident_mistakes_come_first(predictions):
    y, p = predictions
    figure = mistakes(np.zeros((300, 5)), y, p, list("abcd"))
    wrong = np.flatnonzero(p.argmax(1) != y)
    first = wrong[p.max(1)[wrong].argmax()]
    true, guess = "abcd"[y[first]], "abcd"[p.argmax(1)[first]]
    assert figure.axes[0].get_title() == f"{true}, predicted\n{guess}: {p[first].max():.2f}"
    assert f"({len(wrong)} of 300)" in figure.subfigs[0]._suptitle.get_text()
    right = mistakes(np.zeros((1, 5)), np.array([0]), np.array([[1.0, 0.0]]), "ab")
    assert right.subfigs[0]._suptitle.get_text() == "no sample is misclassified"


def probabilities(model, x, from_logits=None):
    return ClassPictures().predictions(predict(model, x), model.loss, from_logits)


def test_probabilities_of_every_form_of_output():
    linear = keras.Sequential([keras.Input((1,)), keras.layers.Activation("linear")])
    linear.compile()
    x = np.array([[0.0], [np.log(3)]], "float32")
    expected = [[0.5, 0.5], [0.25, 0.75]]
    np.testing.assert_allclose(probabilities(linear, x, from_logits=True), expected, atol=1e-6)
    x = np.array([[0.2]], "float32")
    np.testing.assert_allclose(probabilities(linear, x, from_logits=False), [[0.8, 0.2]], atol=1e-6)
    linear.compile(loss="binary_crossentropy")
    np.testing.assert_allclose(probabilities(linear, x), [[0.8, 0.2]], atol=1e-6)
    linear.compile(loss=lambda y, p: p)
    with pytest.raises(ValueError, match="`from_logits` must be True or False"):
        probabilities(linear, x)


@pytest.mark.parametrize("scores", [[[0.9, 0.8]], [[1.5, -0.5]]])
def test_outputs_that_are_not_probabilities_of_classes(scores):
    linear = keras.Sequential([keras.Input((2,)), keras.layers.Activation("linear")])
    linear.compile()
    with pytest.raises(
        ValueError, match=r"probabilities that sum to 1, or logits with from_logits"
    ):
        probabilities(linear, np.array(scores), from_logits=False)


def test_samples_from_arrays_and_batches():
    pandas = pytest.importorskip("pandas")
    x, y = np.zeros((6, 2)), np.arange(6)
    sources = [
        (x, y),
        (x, np.eye(6)),
        [(x[:2], y[:2]), (x[2:], y[2:])],
        (keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(y)),
        (pandas.DataFrame(x), pandas.Series(y)),
        (x, pandas.Series(y * 1.0)),
    ]
    for source in sources:
        samples = SampleSet.gather(source, 5, "validation")
        assert samples.x.shape == (5, 2)
        assert ClassPictures().targets(samples.y, "validation").tolist() == [0, 1, 2, 3, 4]
    assert SampleSet.gather(x, 3, "samples").y is None
    soft = np.array([[0.3, 0.7], [0.6, 0.4]])
    assert ClassPictures().targets(soft, "validation").tolist() == [1, 0]


X = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "`validation` must be an array x, .* Received: validation=3"),
        ({"x": np.zeros(2)}, r"Received: validation=\{"),
        ([], "at least one sample"),
        ((X, np.array([0.5, 1.0])), "must be integers >= 0, or rows of probabilities"),
        ((X, np.array([[-1.0], [2.0]])), "must be integers >= 0, or rows of probabilities"),
        ((X, np.zeros(3)), "a label per sample. Received: 2 and 3"),
        ((X, np.array([[1, 0, 1], [0, 0, 1]])), "unless task='multilabel' .* a row with the sum 2"),
        ((X, np.array([[0, 0], [0, 1]])), "a row with the sum 0"),
        ((X, np.array([[2.5, -1.5], [0, 1]])), "or task='regression'"),
        ((X, np.array(["cat", "dog"])), "must be numbers.* Received: .*cat"),
        ((X, np.array(["cat", None], object)), "with class_names=names"),
    ],
)
def test_samples_with_wrong_labels(source, message):
    with pytest.raises(ValueError, match=message):
        ClassPictures().targets(SampleSet.gather(source, 5, "validation").y, "validation")


@pytest.mark.parametrize("shape", [(7,), (9, 2), (5, 5, 1), (5, 5, 3)])
def test_features_series_and_images_are_drawn(shape):
    axes = new_figure(2, 2).subplots()
    draw_sample(axes, np.random.default_rng(0).normal(size=shape))
    assert len(axes.images) == (len(shape) == 3)
    assert len(axes.lines) == {1: 1, 2: shape[-1], 3: 0}[len(shape)]
    with pytest.raises(ValueError, match=r"must have the shape .* Received: shape \(2, 2, 2, 2\)"):
        draw_sample(axes, np.zeros((2, 2, 2, 2)))


@pytest.mark.parametrize("text", [np.str_("a long text"), np.array([b"a long text"], object)])
def test_texts_are_drawn(text):
    axes = new_figure(2, 2).subplots()
    draw_sample(axes, text)
    assert axes.texts[0].get_text() == "a long text"


def test_the_grid_of_augmented_samples_is_reproducible_and_changes_no_state():
    layer = keras.layers.RandomTranslation(0.3, 0.3, seed=3)
    samples = SampleSet(np.random.default_rng(0).random((9, 6, 6, 1), "float32"), np.arange(9))
    states = [np.array(keras.ops.convert_to_numpy(v)) for v in layer.variables]
    first, second = (grid(samples, None, layer) for _ in range(2))
    pictures = [[axes.images[0].get_array() for axes in f.axes] for f in (first, second)]
    for one, other in zip(*pictures, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(pictures[0]) == 32
    rows = [pictures[0][start : start + 8] for start in range(0, 32, 8)]
    assert any((a != b).any() for a, b in zip(rows[0], rows[1], strict=True))
    assert any((a != b).any() for a, b in zip(rows[1], rows[2], strict=True))
    for before, variable in zip(states, layer.variables, strict=True):
        np.testing.assert_array_equal(before, keras.ops.convert_to_numpy(variable))
