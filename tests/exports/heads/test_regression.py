import keras
import numpy as np
import pytest
from keras import layers
from scipy.stats import betabinom

from occam import exports
from occam.exports.heads import RegressionHead
from occam.exports.heads.conformal import conformal_rank

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(400, 4)).astype("float32")
Y = np.stack([X.sum(axis=1), 1e6 * X[:, 0]], axis=1) + GENERATOR.normal(size=(400, 2)) * [1, 1e5]


def linear(units=2):
    """Build the least squares of `X` and `Y`."""
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(units)])
    model.set_weights([np.linalg.lstsq(X, Y[:, :units], rcond=None)[0], np.zeros(units)])
    model.compile("sgd", "mse")
    return model


def test_values_are_those_of_predict(tmp_path):
    model = linear(1)
    published = exports.export(model, tmp_path)
    assert (published.task, published.names, published.class_names) == (
        "regression",
        ("target",),
        (),
    )
    predictor = exports.load(tmp_path)
    answer = predictor.predict(X)
    assert list(answer) == ["values"]
    assert answer["values"].dtype == np.float32
    # one batch of 400 rows and of 256 and 144 are not summed in the same order
    np.testing.assert_array_equal(
        predictor.predict(X[:32])["values"], model.predict(X[:32], verbose=0)
    )
    np.testing.assert_allclose(answer["values"], model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_zoo_model_answers_in_the_units_of_the_target(tmp_path):
    inverse = layers.Normalization(mean=[5e5, 3.0], variance=[1e8, 1.0], invert=True)
    model = keras.Sequential([keras.Input((4,), name="x"), layers.Dense(2), inverse])
    exports.export(model, tmp_path, target_names=["price", "rooms"])
    predictor = exports.load(tmp_path)
    assert predictor.target_names == ("price", "rooms")
    expected = model.predict(X[:50], verbose=0)
    np.testing.assert_allclose(predictor.predict(X[:50])["values"], expected, rtol=1e-6)


def test_half_precision_answers_in_float32(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, dtype="mixed_bfloat16")])
    model.compile("sgd", "mse")
    exports.export(model, tmp_path)
    assert exports.load(tmp_path).predict(X[:2])["values"].dtype == np.float32


def test_values_that_are_not_finite_are_refused(tmp_path):
    model = linear()
    model.layers[0].bias.assign([np.nan, 0])
    with pytest.raises(exports.ExportError, match=r"finite values\. Received: 32 that are not"):
        exports.export(model, tmp_path)


def test_the_limit_follows_the_units_of_each_target():
    head = RegressionHead(("a", "b"))
    answers = {"values": np.array([[1e6, 1e-6], [-2e6, 1e-7]], "float32")}
    np.testing.assert_allclose(head.limit(answers, "values", 1e-5), [[20, 1e-11]], rtol=1e-6)


def test_scores_are_those_of_the_definition():
    head = RegressionHead(("a",))
    scores = head.scores({"values": np.array([[1.0], [2.0], [4.0]])}, np.array([[1.0], [2], [3]]))
    assert scores["r2"] == pytest.approx(1 - 1 / 2)
    assert scores["rmse"] == pytest.approx(np.sqrt(1 / 3))
    assert scores["mae"] == pytest.approx(1 / 3)


def test_a_version_worse_than_the_live_one_is_refused(tmp_path):
    checks = exports.Checks(data=({"x": X}, Y))
    exports.export(linear(), tmp_path, checks=checks)
    worse = linear()
    worse.layers[0].kernel.assign(0.5 * worse.layers[0].kernel)
    with pytest.raises(exports.ExportError, match=r"gate metric: r2 must .* 0.01 below the live"):
        exports.export(worse, tmp_path, checks=checks)
    exports.export(worse, tmp_path, checks=exports.Checks(data=({"x": X}, Y), max_r2_drop=1.0))
    figures = {g.name: g.figures for g in exports.Blessing.read(tmp_path / "2").gates}["metric"]
    assert figures["model_r2"] == pytest.approx(figures["r2"])
    assert figures["live_r2"] > figures["r2"] + 0.1


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (Y[:, 0], r"finite targets of shape \(n, 2\). Received: float64 of shape \(400,\)"),
        (np.where(Y > 0, Y, np.nan), "finite targets"),
        (np.ones((400, 2)), r"targets that vary. Received: constant \['target_0', 'target_1'\]"),
        (["a"] * 400, "finite targets"),
    ],
)
def test_targets_that_do_not_fit_are_refused(targets, message, tmp_path):
    with pytest.raises(ValueError, match=f"`data` must have {message}"):
        exports.export(linear(), tmp_path, checks=exports.Checks(data=({"x": X}, targets)))


@pytest.mark.parametrize(("rows", "coverage", "rank"), [(9, 0.9, 9), (10, 0.9, 10), (99, 0.95, 95)])
def test_the_rank_is_that_of_the_definition(rows, coverage, rank):
    assert conformal_rank(rows, coverage) == rank


def test_intervals_are_those_computed_by_hand(tmp_path):
    model = linear()
    intervals = exports.Intervals(0.8, data=(X[:100], Y[:100]))
    data = (X[100:], Y[100:])
    exports.export(model, tmp_path, intervals=intervals, checks=exports.Checks(data=data))
    answer = exports.load(tmp_path).predict(X[100:])
    residuals = np.sort(np.abs(Y[:100] - model.predict(X[:100], verbose=0)), axis=0)
    half = residuals[81 - 1]  # ceil(101 * 0.8) = 81
    assert answer["intervals"].shape == (300, 2, 2)
    lower, upper = answer["values"] - half, answer["values"] + half
    np.testing.assert_allclose(answer["intervals"], np.stack([lower, upper], -1), rtol=1e-5)
    gates = {g.name: g for g in exports.Blessing.read(tmp_path / "1").gates}
    inside = (Y[100:] >= answer["intervals"][..., 0]) & (Y[100:] <= answer["intervals"][..., 1])
    figures = gates["coverage"].figures
    assert figures == {"target_0": inside[:, 0].mean(), "target_1": inside[:, 1].mean()}
    assert all(0.7 < share < 0.9 for share in figures.values())


def test_the_gate_accepts_what_chance_allows():
    head = RegressionHead(("a",), 0.9, (1.0,), 99)
    targets = np.zeros((200, 1))
    found = head.coverage_of({"intervals": np.zeros((200, 1, 2))}, targets)
    least = found[1] if found else 0
    assert betabinom(200, 90, 10).cdf(least - 1) < 1e-4 <= betabinom(200, 90, 10).cdf(least)


def test_intervals_that_do_not_cover_are_refused(tmp_path):
    close = exports.Intervals(0.9, data=({"x": X[:50]}, linear().predict(X[:50], verbose=0)))
    checks = exports.Checks(data=({"x": X[100:]}, Y[100:]))
    with pytest.raises(exports.ExportError, match=r"gate coverage: .* cover at least \d+ of 300"):
        exports.export(linear(), tmp_path, intervals=close, checks=checks)


@pytest.mark.parametrize(
    ("coverage", "features", "targets", "message"),
    [
        (0.9, X[:8], Y[:8], "at least 9 rows for a coverage of 0.9. Received: 8 rows"),
        (0.9, X[:9], Y[:8], "as many targets as rows of each input. Received: 8 targets"),
        (0.9, X[:20, :3], Y[:20], r"`x` must have the shape \(None, 4\)"),
        (0.9, X[:20], Y[:20, 0], r"`intervals` must have finite targets of shape \(n, 2\)"),
    ],
)
def test_intervals_need_data_that_fits(coverage, features, targets, message, tmp_path):
    intervals = exports.Intervals(coverage, data=({"x": features}, targets))
    with pytest.raises(ValueError, match=message):
        exports.export(linear(), tmp_path, intervals=intervals)


def test_intervals_need_a_coverage_and_data():
    with pytest.raises(ValueError, match=r"`coverage` must be a number in \(0, 1\)"):
        exports.Intervals(1.0, data=({"x": X}, Y))
    with pytest.raises(TypeError, match=r"`data` must be a pair of features"):
        exports.Intervals(0.9)
