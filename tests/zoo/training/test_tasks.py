"""`train` learns every task, from data of any form."""

import json

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from occam import exports, zoo
from occam.zoo.training.engine import is_compiled

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4)).astype("float32")
PRICES = 100 + 10 * X @ [1.0, 2.0, 0.0, -1.0] + RANDOM.normal(size=300)
TAGS = np.stack([X[:, 0] > 0, X[:, 1] + X[:, 2] > 0], axis=1).astype(int)
RARE = np.where(X[:, 0] > 1, "rare", "common")


def mlp(data, **regularization):
    strengths = zoo.Regularization(**regularization)
    return zoo.create_model("mlp", data=data, regularization=strengths, units=(16,), seed=0)


def dense(units, **arguments):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, **arguments)])


def test_a_regression_gives_values_in_their_units(tmp_path):
    data = zoo.load_data((X, PRICES), batch_size=50)
    model = mlp(data, mixup=0.1, dropout=0.05)
    run = zoo.train(model, data, epochs=80, log_dir=tmp_path / "run", verbose=0)
    test = run.result["test"]
    assert test["r2"] > 0.95
    assert test["rmse"] < 5  # of a standard deviation of 25
    assert test["mae"] < test["rmse"]
    assert test["data_loss"] == pytest.approx((test["rmse"] / data.task.scale[0]) ** 2, rel=1e-4)
    assert run.result["gap"]["r2"] == pytest.approx(run.result["train"]["r2"] - test["r2"])
    loaded = zoo.Run.load(tmp_path / "run")
    assert loaded.task == data.task
    assert str(loaded).startswith("r2: train 0.9")
    x = next(iter(data.test))[0]
    np.testing.assert_allclose(loaded.load_model().predict(x, verbose=0), model(x), rtol=1e-5)


def test_a_multilabel_task_reports_its_scores():
    data = zoo.load_data((X, TAGS), batch_size=50)
    model = mlp(data, mixup=0.1, label_smoothing=0.05)
    run = zoo.train(model, data, epochs=40, verbose=0)
    assert run.result["test"]["macro_f1"] > 0.9
    assert {"micro_f1", "mean_average_precision", "subset_accuracy"} <= set(run.result["test"])
    assert "val_label_accuracy" in run.history
    assert run.verdict.kind != "diverged"


@pytest.mark.parametrize(
    ("targets", "picture"),
    [(RARE, "predictions/confusion"), (TAGS, "predictions/f1"), (PRICES, "predictions/residuals")],
)
def test_tensorboard_shows_the_predictions_of_the_task(targets, picture, tmp_path):
    data = zoo.load_data((X, targets))
    zoo.train(mlp(data), data, epochs=2, log_dir=tmp_path, verbose=0)
    events = EventAccumulator(str(tmp_path / "tensorboard" / "validation")).Reload()
    tags = [tag for kind in ("images", "tensors") for tag in events.Tags()[kind]]
    assert any(tag.startswith(picture) for tag in tags), tags


def test_balanced_classes_find_more_of_the_rare_one():
    noisy, recalls, losses = X + RANDOM.normal(size=X.shape), [], []
    for class_weight in (None, "balanced"):
        data = zoo.load_data((noisy, RARE), class_weight=class_weight)
        model = zoo.create_model("mlp", data=data, units=(), seed=0)
        run = zoo.train(model, data, epochs=40, verbose=0)
        batches = [(y, model.predict_on_batch(x)) for x, y, *_ in data.test]
        y, outputs = (np.concatenate(part) for part in zip(*batches, strict=True))
        recalls.append(np.mean(outputs.argmax(1)[y == 1] == 1))
        losses.append(run.result["test"]["data_loss"] / run.result["test"]["log_loss"])
    assert recalls[1] > recalls[0]
    assert losses[0] == pytest.approx(1)  # without weights, the data loss is the log loss
    assert losses[1] != pytest.approx(1)


def test_sample_weights_reach_training_and_evaluation():
    weights = np.where(X[:, 3] > 0, 1.0, 0.0)
    wrong = np.where(X[:, 3] > 0, PRICES, -PRICES)  # where the weight is 0
    data = zoo.load_data((X, wrong, weights), batch_size=50)
    run = zoo.train(
        zoo.create_model("mlp", data=data, units=(16,), seed=0), data, epochs=60, verbose=0
    )
    assert run.result["validation"]["data_loss"] < 0.05
    assert run.result["validation"]["rmse"] > 50  # of all samples


def test_a_compiled_model_is_taken_as_it_is():
    model = dense(1)
    optimizer, metric = keras.optimizers.SGD(0.01), keras.metrics.MeanAbsoluteError("mae")
    model.compile(optimizer, "mse", metrics=[metric])
    reduce = keras.callbacks.ReduceLROnPlateau("loss", patience=3, min_delta=1e5)
    run = zoo.train(model, (X, PRICES), epochs=10, callbacks=[reduce], verbose=0)
    assert model.optimizer is optimizer
    assert float(optimizer.learning_rate) < 0.01  # the callback may set it
    assert "test" not in run.result
    assert run.result["validation"].keys() == {"loss", "data_loss", "data_loss_error", "mae"}
    assert run.verdict.kind != "diverged"  # the baseline is the variance of the prices


def test_several_outputs(tmp_path):
    inputs = keras.Input((4,))
    outputs = {
        "price": keras.layers.Dense(1, name="price")(inputs),
        "rare": keras.layers.Dense(1, "sigmoid", name="rare", kernel_regularizer="l2")(inputs),
    }
    model = keras.Model(inputs, outputs)
    losses = {"price": "mse", "rare": "binary_crossentropy"}
    model.compile("adam", losses, loss_weights={"price": 0.1, "rare": 1.0})
    targets = {"price": PRICES, "rare": (RARE == "rare").astype(int)}
    validation = (X[:20], {name: y[:20] for name, y in targets.items()})
    run = zoo.train(
        model, (X, targets), validation_data=validation, epochs=2, log_dir=tmp_path, verbose=0
    )
    assert {"price_loss", "rare_loss", "loss", "data_loss"} <= set(run.result["validation"])
    figures = run.result["validation"]
    assert figures["loss"] > figures["data_loss"]  # the penalty
    assert run.verdict is None  # of two losses at once
    again = zoo.train(
        model, (X, targets), validation_data=validation, epochs=2, log_dir=tmp_path, verbose=0
    )
    assert json.dumps(again.result) == json.dumps(run.result)  # read, not trained again


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"learning_rate": 0.1}, "`learning_rate` must be None, since model .* is compiled"),
        ({"regularization": zoo.Regularization(weight_decay=0.1)}, "`weight_decay` must be 0"),
        ({"regularization": zoo.Regularization(sam_rho=0.1)}, "`sam_rho` must be 0"),
        (
            {"regularization": zoo.Regularization(mixup=0.1)},
            "`mixup` must be 0 for a compiled",
        ),
    ],
)
def test_what_a_compiled_model_cannot_take(arguments, text):
    model = dense(1)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=text):
        zoo.train(model, (X, PRICES), **arguments)


def test_a_loss_of_the_user_needs_no_registration_to_export(tmp_path):
    def own_loss(y, outputs):
        return keras.ops.mean((y - outputs) ** 2, axis=-1)

    model = dense(1)
    model.compile("sgd", own_loss)
    run = zoo.train(model, (X, PRICES), epochs=1, log_dir=tmp_path / "run", verbose=0)
    assert run.verdict is None
    zoo.train(model, (X, PRICES), epochs=1, log_dir=tmp_path / "run", verbose=0)  # read again
    with pytest.raises(exports.ExportError, match="task"):  # a logit or a value?
        run.export(tmp_path / "exports")
    run.export(tmp_path / "exports", task="regression")
    answer = exports.load(tmp_path / "exports").predict(X[:5])
    np.testing.assert_allclose(answer["values"], model.predict(X[:5], verbose=0), rtol=1e-5)


@pytest.mark.parametrize("named", [True, False])
def test_a_model_of_several_inputs_needs_no_compilation(named):
    a, b = keras.Input((3,), name="a"), keras.Input((1,), name="b")
    outputs = keras.layers.Dense(1)(keras.layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b} if named else [a, b], outputs)
    data = zoo.load_data(({"a": X[:, :3], "b": X[:, 3:]}, PRICES))
    run = zoo.train(model, data, epochs=2, verbose=0)
    assert {"r2", "mae"} <= set(run.result["test"])


def test_a_list_of_targets_and_a_model_that_is_not_built():
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    zoo.train(model, (X, PRICES), epochs=1, verbose=0)
    inputs = keras.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(1)(inputs), keras.layers.Dense(1)(inputs)])
    two.compile("sgd", ["mse", "mse"])
    run = zoo.train(two, (X, [PRICES, -PRICES]), epochs=1, verbose=0)
    assert np.isfinite(run.result["validation"]["data_loss"])


@pytest.mark.parametrize("targets", [np.full(300, np.nan), np.full(300, "a")])
def test_targets_of_a_compiled_model_are_finite_numbers(targets):
    model = dense(1)
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"cannot read `data` .* finite numbers\. Received:"):
        zoo.train(model, (X, targets))


def test_what_means_nothing_for_a_task():
    with pytest.raises(ValueError, match=r"must return logits: .* activation of sigmoid"):
        zoo.train(dense(2, activation="sigmoid"), (X, TAGS))
    with pytest.raises(ValueError, match="tiers belong to the models of the zoo"):
        zoo.train(dense(1), zoo.load_data((X, PRICES)), regularization="medium")
    with pytest.raises(ValueError, match="for one output, compile the model with binary_cross"):
        zoo.train(dense(1), (X, RARE))
    with pytest.raises(ValueError, match=r"'mlp' takes no texts\. For data 'reviews', use gru or"):
        zoo.create_model("mlp", data=zoo.load_data("reviews"))
    data = zoo.load_data((X, PRICES))
    with pytest.raises(ValueError, match="`label_smoothing` must be 0 for regression"):
        zoo.train(mlp(data, label_smoothing=0.1), data)
    with pytest.raises(ValueError, match="`cutmix` needs series or images"):
        zoo.train(mlp(data, cutmix=0.1), data)
    with pytest.raises(ValueError, match=r"\(regression\) needs a built model with .* \(None, 1\)"):
        zoo.train(dense(2), data)
    with pytest.raises(ValueError, match="`validation_data` must be None if `data` is an occam"):
        zoo.train(dense(1), data, validation_data=(X, PRICES))
    weighted = zoo.load_data((X, PRICES, np.ones(300)))
    with pytest.raises(ValueError, match="`mixup` must be 0 for data with sample weights"):
        zoo.train(mlp(weighted, mixup=0.1), weighted)
    with pytest.raises(TypeError, match=r"`data` must be an occam\.zoo\.Data"):
        zoo.train(dense(1), {"x": 1})


@pytest.mark.parametrize("name", ["mlp", "tabular_resnet", "ft_transformer"])
@pytest.mark.parametrize("tier", ["light", "medium", "strong"])
def test_a_tier_of_a_regression_smooths_no_labels(name, tier):
    assert zoo.preset(name, tier, "regression").label_smoothing == 0


def test_a_text_is_learnt_up_to_its_label_noise():
    data = zoo.load_data("reviews")
    model = zoo.create_model("text_cnn", data=data, regularization="light", width=16, filters=16)
    run = zoo.train(model, data, epochs=10, verbose=0)
    assert run.result["test"]["accuracy"] > 0.9  # 0.95 is the most that is possible


def test_a_loaded_model_is_compiled_anew(tmp_path):
    data = zoo.load_data((X, PRICES))
    run = zoo.train(mlp(data), data, epochs=1, log_dir=tmp_path / "run", verbose=0)
    assert not is_compiled(run.load_model())
    own = dense(1)
    own.compile("sgd", "mse")
    assert is_compiled(own)
