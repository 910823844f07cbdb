"""Test `benchmarks.results`: what it trains, and its tables."""

import json

import numpy as np
import pytest

from benchmarks.records import read, run
from benchmarks.results import document
from benchmarks.results.__main__ import BEGIN, END, ROOT
from benchmarks.results.document import page, summary
from benchmarks.results.runs import DATA, RESULTS, Job, baselines, methods, regularization_of, train
from occam import zoo


def record(test, train=1.0, error=0.1, robust=None):
    figures = {"test": test, "train": train, "calibration_error": error, "robust": robust}
    return {"metric": "accuracy", "seconds": 1.0, **figures}


RECORDS = {
    Job("digits", "random forest", 0): record(0.90),
    Job("digits", "none", 0): record(0.70, robust=0.5),
    Job("digits", "none", 1): record(0.80, robust=0.7),
    Job("digits", "l2", 0): record(0.75, robust=0.5),
    Job("digits", "weight_decay", 0): record(0.85, robust=0.5),
    Job("digits", "cocktail", 0): record(0.95, robust=0.5),
    Job("mnist1d", "none", 0): record(0.65, robust=0.0),
}


def test_each_data_set_is_trained_without_alone_together_and_tuned():
    for data in DATA:
        assert {"none", "l2", "dropout", "cocktail", "tuned"} <= set(methods(data))
        assert len(baselines(data)) == 3
    assert "label_smoothing" not in methods("diabetes")
    assert "the paper's CNN" in methods("mnist1d")
    assert {"mlp_summaries", "minirocket"} <= set(methods("ucr/GunPoint"))


def test_a_method_alone_has_the_middle_of_its_search_range():
    l2 = zoo.Regularization.fields()["l2"].middle
    assert regularization_of("digits", "l2") == zoo.Regularization(l2=l2)


def test_figures_of_a_page_are_means_with_standard_errors():
    text = page(RECORDS)
    none = "| **none** | 0.750 ± 0.050 | 0.250 ± 0.050 | 0.100 ± 0.000 | 0.600 ± 0.100 | 1.0 |"
    assert none in text
    assert "| `weight_decay` | 0.850 | 0.150 | 0.100 | 0.500 | 1.0 |" in text
    assert "| random forest | 0.900 | 0.100 | 0.100 |  | 1.0 |" in text
    assert "| *published: MLP (the authors' notebook)* | 0.657 |" in text
    assert "## breast_cancer" not in text  # not measured


def test_the_summary_has_the_best_of_each_kind():
    head, _, digits = summary(RECORDS).splitlines()  # mnist1d lacks the cocktail
    assert head.startswith("| data | published |")
    assert digits == (
        "| digits (accuracy) |  | 0.900 (random forest) | 0.750 ± 0.050 | 0.850 (weight decay) | "
        "0.950 |  |  |  |"
    )


@pytest.mark.parametrize(
    "job",
    [
        Job("breast_cancer", "cocktail", 0),
        Job("breast_cancer", "logistic regression", 0),
        Job("diabetes", "tuned", 1),
        Job("diabetes", "gradient boosting", 0),
        Job("mnist1d", "the paper's MLP", 0),
    ],
    ids=lambda job: f"{job.data} {job.method}",
)
def test_a_run_of_each_kind(job, tmp_path, monkeypatch):
    whole = zoo.train
    monkeypatch.setattr(zoo, "train", lambda *a, **options: whole(*a, steps=30, **options))
    monkeypatch.setattr("benchmarks.results.runs.ATTACK", {"steps": 5, "queries": 10})
    monkeypatch.setattr("benchmarks.results.runs.PAPER_STEPS", 40)
    tuned = tmp_path / "tuned.json"
    tuned.write_text(json.dumps({"diabetes": {"regularization": {"l2": 0.01}, "seconds": 1}}))
    monkeypatch.setattr("benchmarks.results.runs.TUNED", tuned)
    monkeypatch.setattr(document, "TUNED", tuned)
    path = tmp_path / "results.jsonl"
    found = run(train, job, path)
    assert read(path, Job) == {job: found}
    assert np.isfinite([found["train"], found["test"], found["seconds"]]).all()
    assert (found["calibration_error"] is None) == (job.data == "diabetes")
    assert (found["robust"] is None) == (job.method != "cocktail")
    assert f"## {job.data}" in page({job: found})


def test_the_pages_are_those_of_the_records():
    records = read(RESULTS, Job)
    assert (ROOT / "docs" / "results.md").read_text() == page(records) + "\n"
    assert f"{BEGIN}\n\n{summary(records)}\n\n{END}" in (ROOT / "README.md").read_text()
