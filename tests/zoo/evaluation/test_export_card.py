"""The card of an export takes its figures from the evaluation of the same weights."""

import json
import shutil

import numpy as np
import pytest

from occam import zoo
from occam.zoo.training.evaluated import weights_digest

FEW = {"bootstrap": 20}


def card_of(published):
    content = json.loads((published.path / "export.json").read_text())
    return content["card"], (published.path / "README.md").read_text()


@pytest.fixture
def evaluated(trained, tmp_path):
    """A copy of a finished classification with the evaluation of its model beside it."""
    run, data = trained("classification")
    shutil.copytree(run.directory, tmp_path / "run")
    copied = zoo.Run.load(tmp_path / "run")
    found = zoo.evaluate(copied, data, **FEW)
    found.save(copied.directory / "evaluation")
    return copied, data, found


def test_the_evaluation_beside_a_run_gives_the_figures(evaluated, tmp_path):
    run, data, found = evaluated
    card, text = card_of(run.export(tmp_path / "exports"))
    figures = card["evaluation"]
    assert figures["scores"]["test"]["accuracy"] == found.scores["test"]["accuracy"]._asdict()
    assert figures["gap"]["log_loss"] == found.gap["log_loss"]._asdict()
    assert figures["calibration"]["brier"] == found.calibration.brier._asdict()
    assert figures["conformal"]["lac"]["coverage"] == found.conformal["lac"].coverage
    assert (figures["data"], figures["part"]) == (data.name, "test")
    assert "note" not in figures
    value, low, high = found.scores["test"]["accuracy"]
    line = f"| evaluation/scores/test/accuracy | {value:.4g} [{low:.4g}, {high:.4g}] |"
    assert line in text.splitlines()


def test_an_evaluation_may_be_passed_with_a_card_of_ones_own(trained, tmp_path):
    run, data = trained("regression")
    found = zoo.evaluate(run.load_model(), data, bootstrap=0)
    published = run.export(tmp_path / "exports", evaluation=found, card={"license": "mit"})
    card, text = card_of(published)
    assert {*card} == {"license", "evaluation"}
    assert card["evaluation"]["calibration"] == {}
    assert f"| evaluation/scores/test/r2 | {found.scores['test']['r2'].value:.6g} |" in text


def test_the_evaluation_of_other_weights_is_refused(evaluated, tmp_path):
    run, data, found = evaluated
    model = run.load_model()
    model.layers[-1].bias.assign(model.layers[-1].bias + 1e-3)
    with pytest.raises(ValueError, match=r"`evaluation` must be of the weights that are exported"):
        run.export(tmp_path / "exports", evaluation=zoo.evaluate(model, data, **FEW))
    model.save(run.directory / "model.keras")
    with pytest.raises(ValueError, match=r"evaluation\.json must be of .* Run `occam evaluate"):
        run.export(tmp_path / "exports")
    with pytest.raises(ValueError, match="must be of the weights that are exported"):
        run.export(tmp_path / "exports", evaluation=found)
    assert not (tmp_path / "exports").exists()


def test_the_evaluation_of_an_ensemble_is_not_that_of_a_run(trained, tmp_path):
    run, data = trained("classification")
    found = zoo.evaluate([run.load_model(), run.load_model()], data, bootstrap=0)
    assert found.weights_digest is None
    with pytest.raises(ValueError, match="Received: None"):
        run.export(tmp_path / "exports", evaluation=found)
    with pytest.raises(TypeError, match=r"`evaluation` must be a zoo\.Evaluation or None"):
        run.export(tmp_path / "exports", evaluation="evaluation.json")


def test_the_card_says_what_the_export_changes(evaluated, tmp_path):
    run, _, _ = evaluated
    card, _ = card_of(run.export(tmp_path / "exports", temperature=1.5))
    assert card["evaluation"]["note"] == "without the `temperature` of this export"


def test_the_digest_is_that_of_the_weights(trained):
    run, _ = trained("classification")
    model, same = run.load_model(), run.load_model()
    model(np.zeros((2, 3)), training=True)  # draws random numbers
    assert weights_digest(model) == weights_digest(same)
    same.layers[-1].bias.assign(same.layers[-1].bias + 1)
    assert weights_digest(model) != weights_digest(same)
