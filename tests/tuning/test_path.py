import keras
import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, LinearRegression, Ridge, lasso_path

from occam import tuning, zoo
from occam.zoo.training import engine

ROWS = 100
TRUE = np.array([[2.0], [-1.0], [0.0], [0.0], [0.4]])
QUICK = {"epochs": 60, "verbose": 0}


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS + 50, 5))
    x[:, 2] += 0.5 * x[:, 0]
    y = x @ TRUE + 1.0 + random.normal(size=(ROWS + 50, 1))
    return x.astype("float32"), y.astype("float32")


@pytest.fixture(scope="module")
def data(rows):
    """The rows, in one batch."""
    x, y = rows
    return zoo.load_data(
        (x[:ROWS], y[:ROWS]),
        validation=(x[ROWS:], y[ROWS:]),
        test=False,
        task="given",
        standardize=False,
        batch_size=ROWS,
    )


def linear(inputs=5):
    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.2), "mse")
    return model


@pytest.fixture(scope="module")
def along_l1(data):
    return tuning.penalty_path(linear(), data, "l1", [1.0, 0.02], relaxed=True, **QUICK)


def test_l1_equals_the_lasso_path(along_l1, rows):
    x, y = (part[:ROWS] - part[:ROWS].mean(axis=0) for part in rows)
    _, expected, _ = lasso_path(x, y[:, 0], alphas=np.array(along_l1.values) / 2, tol=1e-8)
    ours = along_l1.coefficients[:, 0, :, 0]
    np.testing.assert_allclose(ours, expected.T, atol=1e-3)
    np.testing.assert_array_equal(ours == 0, expected.T == 0)
    assert along_l1.nonzeros[:, 0].tolist() == np.count_nonzero(expected, axis=0).tolist()
    assert 0 < along_l1.nonzeros[0, 0] < along_l1.nonzeros[1, 0] <= along_l1.size == 5
    np.testing.assert_allclose(along_l1.norms[:, 0, 0], np.linalg.norm(ours, axis=1), rtol=1e-6)


def test_a_relaxed_path_equals_least_squares_on_the_selected_columns(along_l1, rows):
    x, y = (part[:ROWS] for part in rows)
    pairs = zip(along_l1.coefficients, along_l1.relaxed.coefficients, strict=True)
    for selected, relaxed in ((a[0, :, 0] != 0, b[0, :, 0]) for a, b in pairs):
        expected = LinearRegression().fit(x[:, selected], y[:, 0]).coef_
        np.testing.assert_allclose(relaxed[selected], expected, atol=1e-3)
        assert not relaxed[~selected].any()


def test_l2_equals_ridge(data, rows):
    x, y = (part[:ROWS] for part in rows)
    path = tuning.penalty_path(linear(), data, "l2", [1.0, 0.1], **QUICK)
    for strength, ours in zip(path.values, path.coefficients[:, 0, :, 0], strict=True):
        expected = Ridge(alpha=ROWS * strength).fit(x, y[:, 0]).coef_
        np.testing.assert_allclose(ours, expected, atol=1e-3)
    assert path.relaxed is None


def test_the_other_fields_stay_on(data, rows):
    x, y = (part[:ROWS] for part in rows)
    base = zoo.Regularization(l1=0.4)  # of the elastic net
    path = tuning.penalty_path(linear(), data, "l2", [0.2], base=base, **QUICK)
    expected = ElasticNet(alpha=0.4, l1_ratio=0.5, tol=1e-8).fit(x, y[:, 0]).coef_
    np.testing.assert_allclose(path.coefficients[0, 0, :, 0], expected, atol=1e-3)
    assert path.nonzeros[0, 0] == np.count_nonzero(expected) < 5


def test_the_losses_are_data_losses_in_inference_mode(along_l1, rows):
    x, y = rows
    for number, kernel in enumerate(along_l1.relaxed.coefficients[:, 0]):
        bias = (y[:ROWS] - x[:ROWS] @ kernel).mean()  # at the optimum
        squares = (y - x @ kernel - bias) ** 2
        path = along_l1.relaxed
        assert path.train_losses[number, 0] == pytest.approx(squares[:ROWS].mean(), rel=1e-4)
        seen = squares[ROWS:]
        assert path.validation_losses[number, 0] == pytest.approx(seen.mean(), rel=1e-4)
        error = seen.std(ddof=1) / np.sqrt(len(seen))
        assert path.validation_errors[number] == pytest.approx(error, rel=1e-3)


def test_a_model_of_the_zoo(digits):
    path = tuning.penalty_path("mlp", digits, "l2", [1.0, 1e-5], epochs=2, verbose=0, units=(16,))
    assert path.train_losses.shape == path.validation_losses.shape == (2, 1)
    assert path.norms.shape == (2, 1, 2)
    assert path.norms[0].sum() < path.norms[1].sum()
    assert path.kernels == ("dense/kernel", "logits/kernel")
    assert path.coefficients is None
    assert path.size == 64 * 16 + 16 * 10 == path.nonzeros[0, 0]


def test_every_value_has_the_same_seeds_and_initial_weights(digits, monkeypatch):
    began = []

    def fit(model, *args, seed, **kwargs):
        began.append((seed, model.get_weights()[0]))

    monkeypatch.setattr(engine, "fit", fit)
    monkeypatch.setattr(engine, "figures", figures)
    options = {"seeds": 2, "seed": 3, "verbose": 0, "units": (8,)}
    path = tuning.penalty_path("mlp", digits, "l2", [1e-2, 1e-5], **options)
    assert path.validation_losses.shape == path.nonzeros.shape == (2, 2)
    assert [seed for seed, _ in began] == [3, 4, 3, 4]
    first, second, third, fourth = (weights for _, weights in began)
    assert np.array_equal(first, third)
    assert np.array_equal(second, fourth)
    assert not np.array_equal(first, second)


def figures(*_):
    return {part: {"data_loss": 1.0} for part in ("train", "validation")}


def test_the_model_of_a_user_keeps_its_weights(data):
    model = linear()
    before = model.get_weights()
    tuning.penalty_path(model, data, "l2", [1.0], epochs=1, verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("model", "field", "first", "last"),
    [
        ("mlp", "l2", 1e-2, 1e-6),
        ("mlp", "dropout", 0.6, 0.05),
        ("mlp", "max_norm", 0.5, 8.0),  # a small one regularizes more
        ("mlp", "l1", 1.0, 1e-3),  # of AdamW
        (linear(64), "l1", 1e-3, 1e-6),
    ],
)
def test_the_default_values_span_the_search_range(digits, monkeypatch, model, field, first, last):
    monkeypatch.setattr(engine, "fit", lambda *args, **kwargs: {})
    monkeypatch.setattr(engine, "figures", figures)
    options = {"units": (8,)} if model == "mlp" else {}
    samples = digits if options else (np.ones((20, 64), "float32"), np.ones((20, 1), "float32"))
    path = tuning.penalty_path(model, samples, field, verbose=0, **options)
    assert (len(path.values), path.values[0], path.values[-1]) == (12, first, last)


def handmade(losses, errors=0.0, **changes):
    losses = np.array(losses, "float64")
    fields = {
        "field": "l2",
        "values": (1.0, 0.1, 0.01),
        "train_losses": losses / 2,
        "validation_losses": losses,
        "row_errors": np.full(losses.shape, errors),
        "nonzeros": np.full(losses.shape, 1200),
        "size": 1200,
        "norms": np.ones((*losses.shape, 2)),
        "kernels": ("dense/kernel", "logits/kernel"),
    }
    return tuning.PenaltyPath(**{**fields, **changes})


@pytest.mark.parametrize(
    ("losses", "errors", "best", "choice"),
    [
        ([[0.60], [0.50], [0.52]], 0.05, 0.1, 0.1),
        ([[0.60], [0.50], [0.52]], 0.2, 0.1, 1.0),
        ([[0.60], [0.50], [0.48]], 0.05, 0.01, 0.1),
        ([[0.60], [0.50], [0.48]], np.nan, 0.01, 0.01),  # the error is not known
        ([[np.nan], [np.inf], [0.48]], 0.05, 0.01, 0.01),
        # With several seeds, their standard error counts: of the third, 0.04.
        ([[0.60, 0.60], [0.51, 0.51], [0.44, 0.52]], 9.0, 0.01, 0.1),
        ([[0.60, 0.60], [0.53, 0.53], [0.44, 0.52]], 9.0, 0.01, 0.01),
    ],
)
def test_the_choice_is_the_strongest_within_one_standard_error(losses, errors, best, choice):
    path = handmade(losses, errors)
    assert (path.best, path.choice) == (best, choice)


def test_a_path_that_diverged_has_no_choice():
    path = handmade([[np.nan], [np.nan], [np.inf]])
    with pytest.raises(ValueError, match="No value of 'l2' trained to a finite validation loss"):
        _ = path.choice


def test_the_table_has_a_row_for_each_value():
    table = handmade([[0.6, 0.6], [0.51, 0.51], [0.44, 0.52]]).table()
    assert table.index.name == "l2"
    assert table.index.tolist() == [1.0, 0.1, 0.01]
    assert table["val_data_loss"].tolist() == pytest.approx([0.6, 0.51, 0.48])
    assert table["val_data_loss_error"].tolist() == pytest.approx([0, 0, 0.04])
    assert table["norm/logits/kernel"].tolist() == [1.0, 1.0, 1.0]
    assert table["best"].tolist() == [False, False, True]
    assert table["choice"].tolist() == [False, True, False]


def test_plot_writes_a_picture(along_l1, tmp_path):
    for number, path in enumerate((along_l1, handmade([[0.6, 0.6], [0.5, 0.5], [0.4, 0.5]]))):
        file = tmp_path / f"{number}.png"
        path.plot(file)
        assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"field": "l3"}, ValueError, "`field` must be one of 'l1', 'l2', .*field='l3'"),
        ({"field": "augmentation"}, ValueError, "`field` must be one of"),
        ({"values": []}, ValueError, "`values` must be one or more different numbers"),
        ({"values": [0.1, 1.0]}, ValueError, "`values` must be .* from the strongest"),
        ({"values": [1.0, 1.0]}, ValueError, "`values` must be one or more different"),
        ({"values": [1.0, -0.1]}, ValueError, r"`values\[1\]` must be a number in \(0, inf\)"),
        ({"values": [0.0]}, ValueError, r"`values\[0\]` must be"),
        ({"values": 0.1}, TypeError, "`values` must be a list of numbers or None"),
        ({"field": "dropout", "values": [1.0]}, ValueError, r"must be a number in \(0, 1\)"),
        ({"field": "max_norm", "values": [2.0, 1.0]}, ValueError, "from the strongest"),
        ({"field": "spatial_dropout"}, ValueError, "spatial_dropout"),
        ({"field": "weight_decay"}, ValueError, "`field` must not have 'weight_decay', since"),
        ({"relaxed": True}, ValueError, "`relaxed` must be False for 'l2': only l1 and group_l"),
        ({"relaxed": 1}, TypeError, "`relaxed` must be True or False"),
        ({"seeds": 0}, ValueError, "`seeds` must be an integer >= 1"),
        ({"epochs": 0}, ValueError, "`epochs` must be an integer >= 1"),
        ({"learning_rate": 0.1}, ValueError, "`learning_rate` must be None, since model"),
        ({"base": "light"}, TypeError, "`base` must be an occam.zoo.Regularization or None"),
        ({"units": (8,)}, ValueError, "`units` is no argument"),
        ({"model": "mlp9"}, ValueError, "mlp9"),
        ({"model": keras.layers.Dense(1)}, TypeError, "`model` must be the name of a model"),
    ],
)
def test_errors_name_the_argument(data, arguments, error, text):
    with pytest.raises(error, match=text):
        tuning.penalty_path(**{"model": linear(), "data": data, **arguments})


def test_a_field_that_the_architecture_lacks_is_refused(digits):
    with pytest.raises(ValueError, match=r"`field` must be among .* Received: spatial_dropout"):
        tuning.penalty_path("mlp", digits, "spatial_dropout")


def test_folds_are_refused(data_dir):
    folds = zoo.load_data("digits", data_dir=data_dir, validation="cv:5x1")
    with pytest.raises(ValueError, match="`data` must be data with a validation part, not folds"):
        tuning.penalty_path("mlp", folds)
