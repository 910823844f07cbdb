"""`SharpnessProbe` and `GradientNorms`: data, epochs, state, and no effect on the training."""

import copy

import keras
import numpy as np
import pytest

from occam.callbacks import BackupAndRestore, GradientNorms, SharpnessProbe
from occam.callbacks.probes.probe import losses, other_variables

from ..conftest import Crash

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 3))
Y = RNG.integers(0, 2, size=(16,))
PROBES = [GradientNorms, SharpnessProbe]


def network(**arguments):
    """Everything with a state (BatchNorm, dropout, activity penalty), and penalties."""
    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4, activity_regularizer="l2", kernel_regularizer="l2", name="first"),
        keras.layers.BatchNormalization(name="normalization"),
        keras.layers.Dropout(0.5, seed=2),
        keras.layers.Dense(2, name="last"),
    ]
    model = keras.Sequential(layers, name="network")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, **arguments)
    return model


def eager():
    return network(run_eagerly=True)  # nothing to compile, so that short runs are quick


def fit(model, *callbacks, epochs=4):
    settings = {"batch_size": 8, "shuffle": False, "verbose": 0}
    return model.fit(X, Y, epochs=epochs, callbacks=callbacks, **settings).history


def values(model):
    return [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]


def assert_equal(ours, theirs):
    for our, their in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(our, their)


@pytest.fixture(scope="module")
def plain():
    model = network()
    fit(model)
    return values(model)


@pytest.mark.parametrize("probe", PROBES)
def test_it_changes_nothing_in_the_training(probe, plain):
    model = network()
    history = fit(model, probe((X, Y)))
    assert_equal(values(model), plain)
    for name, curve in history.items():
        assert len(curve) == 4, name
        assert np.isfinite(curve).all(), name
        assert all(type(value) is float for value in curve), name
    added = {name for name in history if name not in ("loss",)}
    assert added
    assert all(history[name][0] != history[name][-1] for name in added if "/" not in name)


@pytest.mark.parametrize("probe", PROBES)
def test_measuring_moves_no_variable_and_gives_the_same_again(probe):
    model = network()
    fit(model, epochs=1)
    before = values(model)
    measure = probe((X, Y))
    measure.set_model(model)
    first = measure.measure()
    assert_equal(values(model), before)
    assert measure.measure() == first


@pytest.mark.parametrize("probe", PROBES)
def test_eager_and_compiled_agree(probe):
    measured = []
    for build in (network, eager):
        each = probe((X, Y))
        each.set_model(build())
        measured.append(each.measure())
    assert measured[0] == pytest.approx(measured[1], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("probe", PROBES)
def test_between_measurements_the_last_values_are_logged(probe):
    history = fit(eager(), probe((X, Y), every=2), epochs=5)
    every_epoch = fit(eager(), probe((X, Y)), epochs=5)
    for name, curve in history.items():
        if name != "loss":
            full = every_epoch[name]
            assert curve == [full[0], full[0], full[2], full[2], full[4]]


@pytest.mark.parametrize("probe", PROBES)
def test_reusable_and_deep_copyable(probe):
    used = probe((X, Y), every=3)
    expected = fit(network(), used, epochs=2)
    assert fit(network(), copy.deepcopy(used), epochs=2) == expected
    assert fit(network(), used, epochs=2) == expected


@pytest.mark.parametrize("probe", PROBES)
def test_it_can_be_copied_after_a_fit_that_failed(probe):
    used = probe((X, Y))
    with pytest.raises(RuntimeError, match="crash"):
        fit(eager(), used, Crash(0, "on_epoch_end"))
    assert fit(eager(), copy.deepcopy(used)) == fit(eager(), used)


@pytest.mark.parametrize("probe", PROBES)
def test_a_resumed_training_logs_what_the_whole_one_does(probe, tmp_path):
    expected = fit(eager(), probe((X, Y), every=3))
    for epochs in (2, 4):
        each = probe((X, Y), every=3)
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False, callbacks=[each])
        history = fit(eager(), each, backup, epochs=epochs)
    assert history == expected


def test_losses_are_those_of_evaluate():
    model = network()
    fit(model, epochs=1)
    parts = losses(
        model,
        [v.value for v in model.trainable_variables],
        [v.value for v in other_variables(model)],
        (X.astype("float32"), Y, None),
    )
    assert len(parts) == 2
    total = model.evaluate(X, Y, batch_size=16, verbose=0)
    assert float(parts[0]) + float(parts[1]) == pytest.approx(total, rel=1e-5)
    bare = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        Y, model.predict(X, verbose=0)
    )
    assert float(parts[0]) == pytest.approx(float(bare), rel=1e-5)


def test_several_inputs_and_outputs_and_sample_weights():
    keras.utils.set_random_seed(0)
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    both = keras.layers.Concatenate()([a, b])
    model = keras.Model([a, b], [keras.layers.Dense(1, name=name)(both) for name in "yz"])
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5])
    x, y = {"a": X, "b": X}, [X[:, :1], X[:, 1:2]]
    weights = [np.arange(16.0), np.ones(16)]
    for probe in (GradientNorms((x, y)), SharpnessProbe((x, y, weights))):
        history = model.fit(x, y, epochs=3, callbacks=[probe], verbose=0).history
        assert np.isfinite([history[name] for name in probe.values]).all()


def test_weights_of_samples_count():
    model = network()
    measured = []
    for weights in (np.ones(16), np.arange(16.0)):
        probe = GradientNorms((X, Y, weights))
        probe.set_model(model)
        measured.append(probe.measure()["gradient_norm"])
    assert measured[0] != pytest.approx(measured[1], rel=1e-2)


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize(
    ("data", "every", "message"),
    [
        (X, 1, r"`data` must be a tuple \(x, y\) or .* Received: data=array\("),
        ((X,), 1, r"Received: data=\(array\("),
        ([X, Y], 1, r"Received: data=\[array\("),
        ((X, Y), 0, "`every` must be an integer >= 1. Received: every=0"),
    ],
)
def test_wrong_arguments(probe, data, every, message):
    with pytest.raises(ValueError, match=message):
        probe(data, every=every)


class OwnLoss(keras.Model):
    def __init__(self):
        super().__init__(name="own")
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(inputs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y_pred))


@pytest.mark.parametrize("probe", PROBES)
def test_a_loss_that_is_no_compiled_one_is_refused(probe):
    model = OwnLoss()
    model.compile("sgd")
    with pytest.raises(ValueError, match=r"OwnLoss overrides `compute_loss`.*model='own'"):
        fit(model, probe((X, Y)))
    bare = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="bare")
    bare.compile("sgd")
    callback = probe((X, Y))
    callback.set_model(bare)
    message = f"{probe.__name__} needs a model compiled with a loss. Received: 'bare'"
    with pytest.raises(ValueError, match=message):
        callback.on_train_begin()


@pytest.mark.parametrize("probe", PROBES)
def test_data_of_any_form(probe):
    pandas = pytest.importorskip("pandas")
    model = eager()
    expected = probe((X, Y, np.ones(16)))
    fit(model, expected, epochs=1)
    tensors = tuple(map(keras.ops.convert_to_tensor, (X, Y)))
    for data in ((pandas.DataFrame(X), pandas.Series(Y), pandas.Series(np.ones(16))), tensors):
        measured = probe(data)
        measured.set_model(model)
        assert measured.measure() == pytest.approx(expected.values, rel=1e-5)
