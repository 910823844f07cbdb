"""The callback around `diagnose`, and what it says of real trainings."""

import copy

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import BackupAndRestore, Diagnosis, diagnose

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


def test_it_says_what_diagnose_says_of_the_history(capsys):
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


def test_each_n_epochs(capsys):
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
    message = r"needs 'val_data_loss' or 'val_loss' of each epoch: give `fit` validation_data"
    with pytest.raises(ValueError, match=message):
        fit(build(), regression(), validation_data=None)


@pytest.mark.parametrize("penalty", ["kernel_regularizer", "activity_regularizer"])
def test_a_loss_with_penalties_is_refused(penalty):
    message = r"the model has penalties.*put LossLedger before it.*Logged: loss, val_loss"
    with pytest.raises(ValueError, match=message):
        fit(build(**{penalty: "l2"}), regression())


def test_with_the_data_loss_as_a_metric_penalties_are_fine():
    model = build(kernel_regularizer="l2")
    model.compile("sgd", "mse", metrics=[keras.metrics.MeanSquaredError("data_loss")])
    diagnosis = regression()
    fit(model, diagnosis)
    assert any(line.startswith("clean_loss is not logged") for line in diagnosis.verdict.evidence)


def test_a_ledger_before_it_is_read():
    class Ledger(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs.update(
                clean_loss=0.1, data_loss=0.4, penalty=0.0, val_data_loss=0.5, gap_accuracy=0.2
            )

    diagnosis = regression()
    fit(build(kernel_regularizer="l2"), Ledger(), diagnosis)
    assert diagnosis.verdict.kind == "data-limited"
    assert len(diagnosis.verdict.evidence) == 3  # and no note
    assert "that of the accuracy 0.2" in str(diagnosis.verdict)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give `baseline` or `labels`, and not both. Received: baseline=None, labels=none"),
        ({"baseline": 1.0, "labels": [0, 1]}, "Received: baseline=1.0, labels=given"),
        (
            {"baseline": 1.0, "every": 0},
            "`every` must be an integer >= 1 or None. Received: every=0",
        ),
        ({"labels": [1, 1]}, "`baseline` must be a finite number above `irreducible`"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Diagnosis(**arguments)


@pytest.fixture(scope="module")
def mnist1d(data_dir):
    return zoo.load_data("mnist1d", data_dir=data_dir)


def train(data, name, *, epochs, regularization="none", **arguments):
    """A real training, as `zoo.train` does it, to the end."""
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
    print(diagnosis.verdict)  # for whom a test fails
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
    assert "Reduce lambda" in str(verdict)


@on_tensorflow
def test_a_huge_learning_rate_diverges(mnist1d):
    verdict = train(mnist1d, "mlp", epochs=10, learning_rate=1e3)
    assert verdict.kind == "diverged"
    assert verdict.advice[0].startswith("Divide the learning rate by 10")


@on_tensorflow
@pytest.mark.exhaustive
def test_a_resnet_is_well_fitted(mnist1d):
    assert train(mnist1d, "resnet1d", epochs=12, regularization="medium").kind == "well fitted"


def test_labels_of_one_output_are_no_baseline_of_two():
    inputs = keras.Input((2,))
    heads = [keras.layers.Dense(2, activation="softmax", name=name)(inputs) for name in "ab"]
    model = keras.Model(inputs, heads)
    model.compile("sgd", ["sparse_categorical_crossentropy"] * 2)
    x, y = np.zeros((4, 2)), np.array([0, 1, 0, 1])
    data = {"x": x, "y": [y, y], "validation_data": (x, [y, y])}
    with pytest.raises(ValueError, match=r"`labels` are of one output.* Received: 2 outputs"):
        model.fit(**data, verbose=0, callbacks=[Diagnosis(labels=y, verbose=0)])
    diagnosis = Diagnosis(baseline=2 * np.log(2), verbose=0)
    model.fit(**data, verbose=0, callbacks=[diagnosis])
    assert diagnosis.verdict is not None
