"""APGD against PGD, the ensemble against its members, and the signs of masked gradients."""

import warnings

import keras
import numpy as np
import pytest

from occam.zoo.robustness import apgd, auto_attack, fab, fgsm, gradient_masking, pgd, square
from occam.zoo.robustness.classifier import Classifier

from .conftest import linear_model

STEPS, QUERIES = 20, 100


def losses(model, x, y):
    z = keras.ops.convert_to_numpy(model(x, training=False)).astype("float64")
    z = z - z.max(axis=1, keepdims=True)
    return np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y]


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.3), ("l2", 0.8)])
def test_apgd_is_at_least_as_strong_as_pgd_with_as_many_steps(mlp, norm, epsilon):
    same = {"norm": norm, "steps": STEPS}
    by_apgd = apgd(mlp.model, mlp.x, mlp.y, epsilon, **same)
    by_pgd = pgd(mlp.model, mlp.x, mlp.y, epsilon, **same)
    assert 0.1 < by_apgd.accuracy <= by_pgd.accuracy
    both = ~(by_apgd.fooled | by_pgd.fooled)
    pairs = [losses(mlp.model, r.x[both], mlp.y[both]) for r in (by_apgd, by_pgd)]
    assert pairs[0].mean() >= pairs[1].mean() - 1e-4


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.3), ("l2", 0.8)])
def test_auto_attack_leaves_no_more_accuracy_than_any_of_its_attacks(mlp, norm, epsilon):
    classifier, x, y = Classifier(mlp.model), mlp.x, mlp.y
    found = auto_attack(classifier, x, y, epsilon, norm, steps=STEPS, queries=QUERIES)
    alone = [
        apgd(classifier, x, y, epsilon, norm=norm, steps=STEPS),
        apgd(classifier, x, y, epsilon, norm=norm, steps=STEPS, loss="dlr-targeted"),
        fab(classifier, x, y, epsilon, norm=norm, steps=STEPS, targeted=True),
        square(classifier, x, y, epsilon, norm=norm, queries=QUERIES),
        fgsm(classifier, x, y, epsilon, norm=norm),
    ]
    assert all(found.accuracy <= each.accuracy for each in alone)
    assert [*found.accuracies] == ["clean", "apgd-ce", "apgd-t", "fab-t", "square"]
    after = [*found.accuracies.values()]
    assert after == sorted(after, reverse=True)
    assert found.accuracy == after[-1]
    assert found.notes == ()
    assert str(found).splitlines()[-1].split() == ["square", f"{found.accuracy:.3f}"]


def test_auto_attack_finds_the_exact_robust_accuracy_of_a_linear_model():
    generator = np.random.default_rng(0)
    weights, bias = generator.normal(size=(5, 4)), generator.normal(size=4)
    x = generator.normal(size=(60, 5))
    z = x @ weights + bias
    y = z.argmax(axis=1)
    gaps = [z[np.arange(60), y] - z[:, k] for k in range(4)]
    slopes = [np.abs(weights[:, y] - weights[:, [k]]).sum(axis=0) for k in range(4)]
    with np.errstate(invalid="ignore"):
        reach = np.nanmin(np.array(gaps) / np.array(slopes), axis=0)  # 0 / 0 for its own class
    found = auto_attack(linear_model(weights, bias), x, y, 0.2, steps=STEPS, queries=QUERIES)
    np.testing.assert_array_equal(found.fooled, reach < 0.2)
    np.testing.assert_array_equal(found.x[~found.fooled], x[~found.fooled].astype("float32"))


def test_three_classes_get_the_untargeted_dlr_loss_and_a_warning(image_model):
    x, y = image_model.x[:20], image_model.y[:20]
    with pytest.warns(UserWarning, match="needs 4 classes, but the model has 3: APGD-DLR is used"):
        found = auto_attack(image_model.model, x, y, 0.2, steps=5, queries=5)
    assert [*found.accuracies] == ["clean", "apgd-ce", "apgd-dlr", "fab-t", "square"]
    assert "needs 4 classes" in str(found)


def test_two_classes_get_no_dlr_loss_and_a_warning():
    model = linear_model([[1.0, -1.0]], [0.0, 0.0])
    with pytest.warns(UserWarning, match="the model has 2: it is left out"):
        found = auto_attack(model, [[0.1], [2.0]], [0, 0], 0.5, steps=5, queries=5)
    assert found.accuracies == {
        "clean": 1.0, "apgd-ce": 0.5, "fab-t": 0.5, "square": 0.5
    }  # fmt: skip


def stairs():
    """A classifier by x_0, rounded down to tenths: its gradient is 0 nearly everywhere."""
    inputs = keras.Input((3,))
    z = keras.ops.floor(keras.ops.take(inputs, [0], axis=1) * 10) / 10
    return keras.Model(inputs, keras.ops.concatenate([-z, z], axis=1))


def samples():
    x = np.random.default_rng(0).uniform(-1, 1, (40, 3))
    first = x[:, 0]
    x[:, 0] += 0.2 * np.sign(first)
    return x, (first > 0).astype("int32")


def test_vanishing_gradients_are_reported():
    x, y = samples()
    with (
        pytest.warns(UserWarning, match="The gradient of the loss is exactly 0 at 40 of 40"),
        pytest.warns(UserWarning, match="SQUARE, which uses no gradients, fools"),
    ):
        found = gradient_masking(stairs(), x, y, 0.6, queries=100, steps=10)
    assert len(found.notes) == 2
    assert found.accuracies["square"] < found.accuracies["pgd"]


def test_a_step_that_is_stronger_than_many_is_reported():
    # Small steps are caught by the ripples of the logits; one large step goes beyond them.
    inputs = keras.Input((1,))
    z = inputs + 0.3 * keras.ops.sin(20 * inputs)
    model = keras.Model(inputs, keras.ops.concatenate([-z, z], axis=1))
    x = np.full((12, 1), 2 * np.pi / 20 * 3)  # where the ripple goes uphill
    with pytest.warns(UserWarning, match=r"FGSM, which takes a single step, fools \d+ samples"):
        gradient_masking(model, x, np.ones(12, "int32"), 1.0, steps=400, queries=1)


def test_auto_attack_warns_if_square_is_stronger_than_the_gradients():
    x, y = samples()
    with (
        pytest.warns(UserWarning, match="Square, which uses no gradients, lowers the accuracy"),
        pytest.warns(UserWarning, match="needs 4 classes"),
    ):
        auto_attack(stairs(), x, y, 0.6, steps=10, queries=100)


def test_an_honest_model_gives_no_sign_of_masking(mlp):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = gradient_masking(mlp.model, mlp.x, mlp.y, 0.3, steps=20, queries=100)
    assert found.notes == ()
    assert found.accuracies["pgd"] <= found.accuracies["fgsm"] + 0.02


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_another_implementation_finds_as_many_adversarial_inputs(mlp, norm):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        attacks = pytest.importorskip("art.attacks.evasion")
        from art.estimators.classification import TensorFlowV2Classifier

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        theirs = TensorFlowV2Classifier(mlp.model, 5, (12,), loss_object=loss)
    p, epsilon = (np.inf, 0.3) if norm == "linf" else (2, 0.8)

    def accuracy(attack):
        points = attack.generate(mlp.x, mlp.y)
        return (theirs.predict(points).argmax(axis=1) == mlp.y).mean(), points

    step, points = accuracy(attacks.FastGradientMethod(theirs, norm=p, eps=epsilon))
    ours = fgsm(mlp.model, mlp.x, mlp.y, epsilon, norm=norm)
    rows = Classifier(mlp.model).is_right(mlp.x, mlp.y)
    np.testing.assert_allclose(ours.x[rows], points[rows], atol=1e-5)
    many, _ = accuracy(
        attacks.ProjectedGradientDescent(
            theirs, norm=p, eps=epsilon, eps_step=epsilon / 8, max_iter=STEPS, verbose=False
        )
    )
    assert many <= step
    ours = pgd(mlp.model, mlp.x, mlp.y, epsilon, norm=norm, steps=STEPS)
    # Theirs starts at the sample, ours at random: they may differ on a few of the 96 samples.
    assert abs(ours.accuracy - many) < 0.05
