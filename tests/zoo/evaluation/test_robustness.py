"""The section on robustness: by the functions of `zoo.robustness`, or left out with a reason."""

import functools
import json

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.evaluation import attacked
from occam.zoo.robustness import (
    auto_attack,
    corruption_accuracy,
    hessian_eigenvalue,
    loss_landscape,
    robust_accuracy,
)

QUICK = functools.partial(auto_attack, steps=5, queries=20)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Attack with fewer steps and queries, and return the calls."""
    calls = []

    def attack(*arguments, **options):
        calls.append((arguments, options))
        return QUICK(*arguments, **options)

    monkeypatch.setattr(attacked, "auto_attack", attack)
    return calls


@pytest.mark.filterwarnings("ignore:The targeted DLR loss")
def test_figures_are_those_of_the_attacks(classified, tmp_path):
    run, data = classified
    found = zoo.evaluate(run, data, attack=0.5, bootstrap=40)
    ours = found.robustness
    x, y = map(np.concatenate, zip(*data.test.as_numpy_iterator(), strict=True))
    assert ours.rows == len(y)  # fewer than 200, so all of them, in another order
    strongest = QUICK(run, x, y, 0.5)
    assert ours.accuracy.value == pytest.approx(strongest.accuracy, abs=1.5 / len(y))
    assert ours.accuracy.low <= ours.accuracy.value <= ours.accuracy.high
    assert ours.auto_attack["clean"] == pytest.approx(found.scores["test"]["accuracy"].value)
    assert list(ours.auto_attack) == ["clean", "apgd-ce", "apgd-dlr", "fab-t", "square"]
    assert ours.notes == strongest.notes
    curve = robust_accuracy(run, x, y, epsilons=[0.125, 0.25, 0.375, 0.5])
    np.testing.assert_allclose(ours.curve.accuracies, curve.accuracies, atol=1.5 / len(y))
    assert ours.accuracy.value < ours.curve.accuracies[0]
    assert ours.corruptions.kinds == corruption_accuracy(run, x, y).kinds
    assert ours.corruptions.clean == pytest.approx(ours.auto_attack["clean"])

    paths = {path.name: path for path in found.save(tmp_path)}
    values = json.loads(paths["evaluation.json"].read_text())["robustness"]
    assert values["accuracy"] == ours.accuracy._asdict()
    assert [point["epsilon"] for point in values["pgd"]] == [0, 0.125, 0.25, 0.375, 0.5]
    assert {*values["corruptions"]["accuracies"]} == {*ours.corruptions.kinds}
    card = paths["evaluation.md"].read_text()
    assert f"| AutoAttack (l-infinity, epsilon 0.5) | {ours.accuracy} |" in card
    assert f"| note | {ours.notes[0]} |" in card
    assert "](robustness.png)" in card
    assert paths["robustness.png"].read_bytes().startswith(b"\x89PNG")
    exported = run.export(tmp_path / "exports", evaluation=found)
    content = json.loads((exported.path / "export.json").read_text())
    assert content["card"]["evaluation"]["robustness"]["accuracy"] == ours.accuracy._asdict()


def test_functions_of_robustness_take_a_finished_run(classified):
    run, data = classified
    x, y = next(iter(data.test.unbatch().batch(16).as_numpy_iterator()))
    one_hot = np.eye(3)[y]
    for function in (hessian_eigenvalue, loss_landscape):
        mine, loaded = (function(each, x, one_hot) for each in (run, run.load_model()))
        assert str(mine) == str(loaded)
    with pytest.raises(TypeError, match=r"a Keras model or a finished occam\.zoo\.Run"):
        corruption_accuracy("run", x, y)


def test_pixels_stay_in_their_range(digits, quick):
    """Rows of a part that was not looked at may exceed the range of the training part."""
    layers = [keras.Input(digits.input_shape), keras.layers.Flatten(), keras.layers.Dense(10)]
    found = zoo.evaluate(keras.Sequential(layers), digits, attack=1.0, bootstrap=0)
    ((_, x, _, epsilon), options) = quick[0]
    low, high = options["bounds"]
    assert (found.robustness.rows, epsilon) == (len(x), 1.0)
    expected = digits.standardized_range
    assert low <= expected[0]
    assert high >= expected[1]
    assert found.robustness.accuracy.low is None


def test_what_cannot_be_attacked_is_left_out_with_the_reason(trained, quick):
    options = {"attack": 0.1, "bootstrap": 0}
    reasons = {}
    for task in ("regression", "multilabel"):
        reasons[task] = zoo.evaluate(*trained(task), **options).left_out["robustness"]
    assert {*reasons.values()} == {"attacks are for classifications"}
    run, data = trained("classification")
    models = [run.load_model(), run.load_model()]
    found = zoo.evaluate(models, data, **options)
    assert found.left_out["robustness"] == "evaluate the members one by one"
    x = keras.Input((3,))
    probabilities = keras.Model(x, keras.layers.Softmax()(models[0](x)))
    found = zoo.evaluate(probabilities, data, **options)
    assert "`model` must return logits" in found.left_out["robustness"]
    assert found.robustness is None
    assert not quick


def test_the_strength_is_above_zero(classified):
    with pytest.raises(ValueError, match=r"`attack` must be a number in \(0, inf\) or None"):
        zoo.evaluate(*classified, attack=0)
