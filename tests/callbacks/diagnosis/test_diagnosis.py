"""The callback around `diagnose`, and its verdicts on real trainings."""

import copy

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import BackupAndRestore, Diagnosis, LossLedger, baseline_loss, diagnose

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 2))
Y = X @ [[1.0], [-1.0]]


def build(learning_rate=0.1, **arguments):
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(1, kernel_initializer="zeros", **arguments)
    model = keras.Sequential([keras.Input((2,)), dense])
    model.compile(keras.optimizers.SGD(learning_rate), "mse", run_eagerly=True)
    return model


def fit(model, *callbacks, epochs=4, **arguments):
    settings = {"validation_data": (X, Y), "shuffle": False, "verbose": 0, **arguments}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **settings).history


def regression(**arguments):
    return Diagnosis(labels=Y, loss="mse", **{"verbose": 0, **arguments})


def test_the_verdict_is_that_of_diagnose(capsys):
    diagnosis = regression(verbose=1)
    history = fit(build(0.3), diagnosis, epochs=8)
    expected = diagnose(history, baseline=np.mean((Y - Y.mean()) ** 2))
    assert diagnosis.verdict == expected
    assert expected.kind == "well fitted"
    assert capsys.readouterr().out == f"Diagnosis: {expected}\n"


def test_a_fit_that_begins_later_has_the_numbers_of_its_epochs():
    diagnosis = regression()
    losses = fit(build(0.3), diagnosis, epochs=6, initial_epoch=2)["val_loss"]
    assert losses.index(min(losses)) == 3
    assert diagnosis.verdict.best_epoch == 5


def test_a_verdict_every_n_epochs(capsys):
    fit(build(), regression(every=2, verbose=1), epochs=5)
    assert capsys.readouterr().out.count("Diagnosis: ") == 3  # two and the end
    fit(build(), regression(every=2), epochs=5)
    assert not capsys.readouterr().out


def test_reusable_and_deep_copyable():
    diagnosis = regression()
    copied = copy.deepcopy(diagnosis)
    fit(build(), diagnosis)
    first = diagnosis.verdict
    fit(build(0.0), diagnosis)
    assert diagnosis.verdict != first
    again = copy.deepcopy(diagnosis)
    for each in (copied, again):
        fit(build(), each)
        assert each.verdict == first


def test_a_resumed_training_has_the_verdict_of_the_whole_one(tmp_path):
    expected = regression()
    fit(build(), expected, epochs=6)
    for epochs in (2, 6, 6):
        resumed = regression()
        fit(
            build(),
            resumed,
            BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=[resumed]),
            epochs=epochs,
        )
    assert resumed.verdict == expected.verdict
    assert "epoch 6" in str(resumed.verdict)


def test_no_epoch_no_verdict():
    diagnosis = regression()
    fit(build(), diagnosis, epochs=0)
    assert diagnosis.verdict is None


def test_without_validation_the_first_epoch_says_so():
    message = r"needs 'val_data_loss' or 'val_loss' for each epoch. Give `fit` validation_data"
    with pytest.raises(ValueError, match=message):
        fit(build(), regression(), validation_data=None)


@pytest.mark.parametrize("penalty", ["kernel_regularizer", "activity_regularizer"])
def test_a_loss_with_penalties_is_refused(penalty):
    message = r"contain penalties: put LossLedger before it.*Logged: loss, val_loss"
    with pytest.raises(ValueError, match=message):
        fit(build(**{penalty: "l2"}), regression())


def test_penalties_with_the_data_loss_as_a_metric():
    model = build(kernel_regularizer="l2")
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanSquaredError("data_loss")])
    diagnosis = regression()
    fit(model, diagnosis)
    assert any(
        line.startswith("train_eval_loss is not logged") for line in diagnosis.verdict.evidence
    )


def test_values_of_a_ledger_are_used():
    class Ledger(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(
                train_eval_loss=0.1, data_loss=0.1, penalty=0.3, val_data_loss=0.5, gap_accuracy=0.2
            )

    diagnosis = regression()
    fit(build(kernel_regularizer="l2"), Ledger(), diagnosis)
    assert diagnosis.verdict.kind == "data-limited"
    assert len(diagnosis.verdict.evidence) == 3  # and no note
    assert "in the loss and 0.2 in the accuracy" in str(diagnosis.verdict)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"baseline": 1.0, "labels": [0, 1]},
            r"Only one of `baseline` and `labels` .* Received: baseline=1.0, labels=\(given\)",
        ),
        (
            {"sample_weight": [1.0]},
            "`labels` must be given together .* Received: labels=None",
        ),
        (
            {"baseline": 1.0, "every": 0},
            "`every` must be an integer >= 1 or None. Received: every=0",
        ),
        ({"labels": [1, 1]}, "`baseline` must be a finite number above `irreducible`"),
    ],
)
def test_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Diagnosis(**arguments)


@pytest.fixture(scope="module")
def mnist1d(data_dir):
    return zoo.load_data("mnist1d", data_dir=data_dir)


def train(data, name, *, epochs, regularization="none", **arguments):
    """A whole training, as by `zoo.train`."""
    model = zoo.create_model(
        name,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=regularization,
        seed=0,
    )
    labels = np.concatenate([y for _, y in data.validation.as_numpy_iterator()])
    diagnosis = Diagnosis(labels=labels, verbose=0)
    settings = {"epochs": epochs, "patience": None, "callbacks": [diagnosis], "verbose": 0}
    zoo.train(model, data, **settings, **arguments)
    print(diagnosis.verdict)  # shown if the test fails
    return diagnosis.verdict


on_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="zoo.train runs on TensorFlow"
)


@on_tensorflow
def test_an_mlp_without_regularization_overfits(mnist1d):
    verdict = train(mnist1d, "mlp", epochs=40)
    assert (verdict.kind, verdict.rule) == ("overfitting", "validation rises")
    assert verdict.best_epoch < 30
    assert verdict.advice[0] == f"Stop earlier: at epoch {verdict.best_epoch + 1}."


@on_tensorflow
def test_an_mlp_that_is_penalized_too_strongly_underfits(mnist1d):
    verdict = train(mnist1d, "mlp", epochs=20, regularization=zoo.Regularization(l2=0.1))
    assert verdict.kind == "underfitting"
    assert "Multiply the strength of the penalties by 0." in str(verdict)


@on_tensorflow
def test_a_huge_learning_rate_diverges(mnist1d):
    verdict = train(mnist1d, "mlp", epochs=10, learning_rate=1e3, rerun=False)
    assert verdict.kind == "diverged"
    assert verdict.advice[0].startswith("Divide the learning rate by 10")


@on_tensorflow
@pytest.mark.exhaustive
def test_a_resnet_is_well_fitted(mnist1d):
    assert train(mnist1d, "resnet1d", epochs=12, regularization="medium").kind == "well fitted"


PRICES = 1e5 * (3.0 + X @ [[0.2], [-0.1]])


def test_targets_far_from_zero_are_named():
    model = build(1e-3)
    diagnosis = Diagnosis(verbose=0)
    model.fit(X, PRICES, validation_data=(X, PRICES), epochs=6, callbacks=[diagnosis], verbose=0)
    assert diagnosis.verdict.kind == "underfitting"
    assert diagnosis.verdict.rule == "far from the targets"
    assert "Normalization(mean=mean, variance=variance, invert=True)" in diagnosis.verdict.advice[0]


def test_a_model_that_scales_its_outputs_is_not_told_to():
    keras.utils.set_random_seed(0)
    model = build(0.0)
    model.compile("sgd", zoo.losses.StandardizedSquaredError(PRICES.std(axis=0)))
    diagnosis = Diagnosis(verbose=0)
    model.fit(X, PRICES, validation_data=(X, PRICES), epochs=1, callbacks=[diagnosis], verbose=0)
    assert not any("Standardize" in line for line in diagnosis.verdict.advice)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "standardized"])
def test_a_regression_that_memorizes_overfits(loss):
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2, 40, 8))
    y = 1e3 + 50 * (x[:, :, :1] + 2 * generator.normal(size=(2, 40, 1)))
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dense(1)]
    units = keras.layers.Normalization(mean=y[0].mean(0), variance=y[0].var(0), invert=True)
    model = keras.Sequential([keras.Input((8,)), *layers, units])
    if loss == "standardized":
        loss = zoo.losses.StandardizedSquaredError(y[0].std(axis=0))
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["mae", keras.metrics.R2Score()])
    diagnosis = Diagnosis(verbose=0)
    callbacks = [LossLedger(train_eval=1.0), diagnosis]
    model.fit(x[0], y[0], validation_data=(x[1], y[1]), epochs=40, callbacks=callbacks, verbose=0)
    assert diagnosis.verdict.kind == "overfitting"
    assert "accuracy" not in str(diagnosis.verdict)


def test_labels_need_a_model_with_one_output():
    inputs = keras.Input((2,))
    heads = [keras.layers.Dense(2, activation="softmax", name=name)(inputs) for name in "ab"]
    model = keras.Model(inputs, heads)
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2)
    x, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    data = {"x": x, "y": [y, y], "validation_data": (x, [y, y])}
    with pytest.raises(
        ValueError, match=r"`labels` are for models with one output.* a model with 2 outputs"
    ):
        model.fit(**data, verbose=0, callbacks=[Diagnosis(labels=y, verbose=0)])
    diagnosis = Diagnosis(baseline=2 * np.log(2), verbose=0)
    model.fit(**data, verbose=0, callbacks=[diagnosis])
    assert diagnosis.verdict is not None


# 8% positives, and weights that make both classes count as much.
RARE = (np.arange(300) % 25 < 2).astype("float32")
FEATURES = RNG.normal(size=(300, 2)).astype("float32") + 3 * RARE[:, None]
BALANCED = {0: 1.0, 1: 11.5}
WEIGHTS = np.where(RARE == 1, 11.5, 1.0)


def fit_rare(*callbacks, validation=(FEATURES, RARE), epochs=15, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.2), "binary_crossentropy")
    settings = {"shuffle": False, "verbose": 0, "callbacks": callbacks, "epochs": epochs}
    model.fit(FEATURES, RARE, validation_data=validation, **settings, **arguments)
    return callbacks[-1]


@pytest.mark.parametrize("train_eval", [None, 1.0])
def test_class_weights_are_those_of_loss_validation_and_baseline(train_eval):
    diagnosis = Diagnosis(labels=RARE if train_eval else None, verbose=0)
    fit_rare(LossLedger(train_eval), diagnosis, class_weight=BALANCED)
    # 276 and 24 * 11.5 = 276: half and half, at a mean weight of 552 / 300.
    assert diagnosis.baseline == pytest.approx(1.84 * np.log(2))
    assert diagnosis.verdict.kind == "well fitted"
    weighted = "All losses and the baseline have the sample weights of training."
    assert weighted in diagnosis.verdict.evidence
    if train_eval:
        labels = Diagnosis(labels=RARE, sample_weight=WEIGHTS, verbose=0)
        validation = (FEATURES, RARE, WEIGHTS)
        ledger = LossLedger(train_eval)
        same = fit_rare(ledger, labels, sample_weight=WEIGHTS, validation=validation)
        assert same.verdict == diagnosis.verdict


def test_weights_without_a_ledger():
    message = "Put LossLedger before Diagnosis. Received: class_weight"
    with pytest.raises(ValueError, match=message):
        fit_rare(Diagnosis(verbose=0), class_weight=BALANCED, epochs=1)
    weighted = (FEATURES, RARE, WEIGHTS)
    diagnosis = fit_rare(Diagnosis(verbose=0), sample_weight=WEIGHTS, validation=weighted)
    assert diagnosis.verdict.kind == "well fitted"
    message = "Received: training data with weights, validation data without weights"
    for ledger in ([], [LossLedger()]):
        with pytest.raises(ValueError, match=message):
            fit_rare(*ledger, Diagnosis(verbose=0), sample_weight=WEIGHTS, epochs=1)
    message = (
        "`labels` need the same .* Received: training data with weights, labels without weights"
    )
    labels = Diagnosis(labels=RARE, verbose=0)
    with pytest.raises(ValueError, match=message):
        fit_rare(labels, sample_weight=WEIGHTS, validation=weighted, epochs=1)


def trained_for(y, loss, units=1, **arguments):
    """The baseline that `Diagnosis()` takes from the targets of `fit`."""
    x = np.zeros((len(y), 2))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, "sigmoid")])
    model.compile("sgd", loss, **arguments)
    diagnosis = Diagnosis(verbose=0)
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[diagnosis])
    return diagnosis.baseline


def test_without_arguments_the_baseline_is_that_of_the_targets():
    targets, classes = RNG.normal(size=(20, 2)), np.arange(20) % 3
    hot = np.eye(3)[classes]
    assert trained_for(targets, "mse", 2) == pytest.approx(targets.var(axis=0).mean())
    mae = keras.losses.MeanAbsoluteError()
    assert trained_for(targets, mae, 2) == pytest.approx(baseline_loss(targets, "mae"))
    huber = baseline_loss(targets, "huber")
    assert trained_for(targets, "huber", 2) == trained_for(targets, keras.losses.huber, 2) == huber
    wide = 4 * trained_for(targets / 2, keras.losses.Huber(), 2)
    assert trained_for(targets, keras.losses.Huber(2.0), 2) == pytest.approx(wide)
    own = zoo.losses.StandardizedSquaredError(targets.std(axis=0))
    assert trained_for(targets, own, 2) == pytest.approx(1.0)
    assert trained_for(classes, "sparse_categorical_crossentropy", 3) == baseline_loss(classes)
    assert trained_for(classes, zoo.losses.CategoricalCrossentropy(), 3) == baseline_loss(classes)
    assert trained_for(hot, keras.losses.categorical_crossentropy, 3) == baseline_loss(hot)
    several = np.minimum(hot + hot[::-1], 1)
    expected = baseline_loss(several, "binary_crossentropy")
    assert trained_for(several, "binary_crossentropy", 3) == expected


@pytest.mark.parametrize(
    ("loss", "arguments"),
    [
        ("log_cosh", {}),
        (zoo.losses.StandardizedSquaredError([2.0], reduction="sum"), {}),
        (keras.losses.MeanSquaredError(reduction="sum"), {}),
        ("mse", {"loss_weights": [2.0]}),
    ],
)
def test_a_loss_without_a_known_baseline(loss, arguments):
    with pytest.raises(ValueError, match="of the compiled loss is unknown"):
        trained_for(Y, loss, **arguments)


def test_a_dataset_needs_labels():
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    message = r"is given no arrays .* Pass the `labels` .* for a regression with loss='mse'"
    with pytest.raises(ValueError, match=message):
        build().fit(batches, callbacks=[Diagnosis()], verbose=0, shuffle=False)
    diagnosis = regression()
    build().fit(batches, validation_data=batches, callbacks=[diagnosis], verbose=0, shuffle=False)
    assert diagnosis.verdict is not None


class AddsLoss(keras.layers.Layer):
    """A stand-in for the divergence of a variational autoencoder."""

    def call(self, inputs):
        self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


def autoencoder(loss, kind=keras.Model, **arguments):
    inputs = keras.Input((2,))
    model = kind(inputs, AddsLoss()(keras.layers.Dense(2, **arguments)(inputs)))
    model.compile("sgd", loss)
    return model


def test_an_autoencoder_with_added_losses():
    settings = {"validation_data": (X, X), "verbose": 0}
    if keras.backend.backend() == "tensorflow":  # on JAX `model.losses` forgets in `fit`
        with pytest.raises(ValueError, match="put LossLedger before it"):
            autoencoder("mse").fit(X, X, callbacks=[Diagnosis()], **settings)
    diagnosis = Diagnosis(verbose=0)
    autoencoder("mse").fit(X, X, callbacks=[LossLedger(1.0), diagnosis], **settings)
    assert diagnosis.baseline == pytest.approx(X.var(axis=0).mean())


def test_a_model_with_added_losses_only():
    settings = {"validation_data": (X,), "verbose": 0}
    with pytest.raises(ValueError, match="given no targets"):
        autoencoder(None).fit(X, callbacks=[Diagnosis()], **settings)
    diagnosis = Diagnosis(baseline=1.0, verbose=0)
    autoencoder(None).fit(X, callbacks=[diagnosis], **settings)
    assert diagnosis.verdict is not None
    with pytest.raises(ValueError, match=r"does not support LossLedger .* Remove it"):
        autoencoder(None).fit(X, callbacks=[LossLedger(), Diagnosis(baseline=1.0)], **settings)


@on_tensorflow
def test_a_custom_train_step_must_return_the_data_loss():
    class Own(keras.Model):
        parts = False

        def train_step(self, data):
            return self._logs(data)

        def test_step(self, data):
            return self._logs(data)

        def _logs(self, data):
            x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
            data_loss = keras.ops.mean(keras.ops.square(self(x) - x))
            logs = {"loss": data_loss + sum(self.losses)}
            return {**logs, "data_loss": data_loss} if self.parts else logs

    settings = {"validation_data": (X,), "verbose": 0}
    for loss in (None, "mse"):
        model = autoencoder(loss, Own, kernel_regularizer="l2")
        message = "return `data_loss`, without penalties, from its train_step and its test_step"
        with pytest.raises(ValueError, match=message):
            model.fit(X, callbacks=[Diagnosis(baseline=1.0)], **settings)
        model.parts = True
        model.compile("sgd", loss)
        diagnosis = Diagnosis(baseline=1.0, verbose=0)
        model.fit(X, callbacks=[diagnosis], **settings)
        assert diagnosis.verdict is not None


@pytest.mark.parametrize("dropout", [False, True])
def test_progress_within_an_epoch_is_no_regularization(dropout):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), *([keras.layers.Dropout(0.5)] if dropout else [])]
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    x, y = np.random.default_rng(0).normal(size=(64, 6)), np.arange(64) % 3
    diagnosis = Diagnosis()
    ledger = LossLedger(train_eval=1.0)
    model.fit(
        *(x, y),
        epochs=2,
        class_weight={0: 1, 1: 13, 2: 1},
        validation_data=(x, y),
        verbose=0,
        callbacks=[ledger, diagnosis],
    )
    assert diagnosis._noisy is dropout
    if not dropout:
        assert diagnosis.verdict.rule != "regularization too strong"
        assert "Halve" not in str(diagnosis.verdict)
