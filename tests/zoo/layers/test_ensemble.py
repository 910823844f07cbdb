"""The ensemble in one network: its loss is the mean of the members', its output their mean."""

import keras
import numpy as np
import pytest
from scipy.special import expit, log_softmax, softmax

from occam import zoo
from occam.zoo.layers import EnsembleMean, MemberScale
from occam.zoo.tasks import Classification, Multilabel, Regression

TASKS = {
    "classification": Classification(("a", "b", "c")),
    "multilabel": Multilabel(("a", "b", "c")),
    "regression": Regression(("a", "b", "c")),
}
Z = np.random.default_rng(0).normal(0, 2, (5, 4, 3)).astype("float32")
Y = {
    "classification": np.random.default_rng(1).dirichlet(np.ones(3), 5).astype("float32"),  # soft
    "multilabel": np.random.default_rng(1).integers(0, 2, (5, 3)).astype("float32"),
    "regression": np.random.default_rng(1).normal(size=(5, 3)).astype("float32"),
}


@pytest.mark.parametrize("kind", TASKS)
def test_the_training_loss_is_the_mean_of_the_losses_of_the_members(kind):
    layer, loss, y = EnsembleMean(kind), TASKS[kind].loss(), Y[kind]
    outputs = layer(Z, training=True)
    (ambiguity,) = layer.losses
    of_members = [float(loss(y, Z[:, k])) for k in range(4)]
    assert float(loss(y, outputs)) + float(ambiguity) == pytest.approx(np.mean(of_members))
    assert float(ambiguity) > 0.1
    np.testing.assert_allclose(outputs, Z.mean(axis=1), rtol=1e-5)


def test_the_output_is_the_mean_prediction():
    expected = {
        "classification": softmax(Z, axis=-1).mean(axis=1),
        "multilabel": expit(Z).mean(axis=1),
        "regression": Z.mean(axis=1),
    }
    to_prediction = {"classification": softmax, "multilabel": lambda z, axis: expit(z)}
    for kind, mean in expected.items():
        layer = EnsembleMean(kind)
        outputs = np.asarray(layer(Z))
        predictions = to_prediction.get(kind, lambda z, axis: z)(outputs, axis=-1)
        np.testing.assert_allclose(predictions, mean, rtol=1e-4)
        assert layer.losses == []
        far = np.asarray(layer(1000 * Z))  # no overflow
        assert np.isfinite(far).all()


def test_equal_members_are_one_model():
    z = np.repeat(Z[:, :1], 4, axis=1)
    layer = EnsembleMean("classification")
    np.testing.assert_allclose(layer(z), log_softmax(z[:, 0], axis=-1), rtol=1e-4, atol=1e-5)
    layer(z, training=True)
    assert float(layer.losses[0]) == pytest.approx(0, abs=1e-6)


def test_member_scale_by_hand():
    layer = MemberScale(2)
    layer.build((None, 3))
    layer.gamma.assign([[1, 2, 3], [-1, 0, 1]])
    np.testing.assert_array_equal(layer(np.array([[1, 1, 2]])), [[[1, 2, 6], [-1, 0, 2]]])


def test_signs_differ_by_member_and_follow_the_seed():
    first, again, other = (MemberScale(8, seed=seed) for seed in (1, 1, 2))
    for layer in (first, again, other):
        layer.build((None, 16))
    gamma = np.asarray(first.gamma)
    assert set(np.unique(gamma)) == {-1, 1}
    assert len(np.unique(gamma, axis=0)) == 8
    np.testing.assert_array_equal(gamma, again.gamma)
    assert not np.array_equal(gamma, other.gamma)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MemberScale(0), "`members` must be an integer >= 1. Received: members=0"),
        (lambda: EnsembleMean("mse"), "`loss` must be one of 'classification', .* Received: loss="),
        (
            lambda: zoo.create_model("tabm", input_shape=(3,), num_classes=2, members=0),
            "`members` must be an integer >= 1. Received: members=0",
        ),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def small(task, **options):
    options = {"members": 4, "units": (6,), "seed": 0, **options}
    return zoo.create_model("tabm", input_shape=(3,), task=task, **options)


def test_a_member_of_tabm_is_a_network_by_hand():
    model = small(TASKS["classification"])
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    for bias in (model.trainable_weights[2], model.trainable_weights[4]):
        bias.assign(np.random.default_rng(1).normal(size=bias.shape))
    r, w, b, heads, biases = map(np.asarray, model.trainable_weights)
    members = [np.maximum((x * r[k]) @ w + b, 0) @ heads[:, k] + biases[k] for k in range(4)]
    expected = np.log(softmax(np.stack(members, axis=1), axis=-1).mean(axis=1))
    np.testing.assert_allclose(model(x), expected, rtol=1e-3, atol=1e-5)
    assert np.std(members, axis=0).min() > 0  # they differ from the start


@pytest.mark.parametrize("kind", TASKS)
def test_tabm_is_trained_by_the_mean_of_the_losses_of_its_members(kind):
    task = TASKS[kind]
    if kind == "regression":
        task = Regression(task.names, mean=(1.0,) * 3, scale=(2.0,) * 3)
    model = small(task)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    model.compile("sgd", task.loss())
    total = model.train_on_batch(x, Y[kind])
    model = small(task)  # the same weights as before the step
    members = keras.Model(model.input, model.get_layer("mean").input)(x)
    restored = (lambda z: 1 + 2 * z) if kind == "regression" else (lambda z: z)
    losses = [float(task.loss()(Y[kind], restored(members[:, k]))) for k in range(4)]
    assert float(np.ravel(total)[0]) == pytest.approx(np.mean(losses), rel=1e-5)
