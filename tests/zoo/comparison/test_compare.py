"""`zoo.compare`: differences and verdicts, and the runs that it refuses."""

import json
import re

import numpy as np
import pytest
from scipy import stats

from occam import zoo
from occam.zoo.training import Run

NONE = [0.60, 0.62, 0.61, 0.63, 0.60]
MEDIUM = [0.80, 0.79, 0.81, 0.80, 0.82]
BOTH = [0.81, 0.78, 0.81, 0.81, 0.81]


@pytest.fixture
def three(write_group, tmp_path):
    """Three groups of five seeds in a directory: none, augmentation, and dropout on top."""
    write_group("a", NONE)
    write_group("b", MEDIUM, augmentation="medium")
    write_group("c", BOTH, augmentation="medium", dropout=0.1)
    return tmp_path


def test_differences_are_paired_by_seed_and_corrected(three):
    comparison = zoo.compare(three)
    assert [contrast.name for contrast in comparison.contrasts] == [
        "augmentation=medium",
        "dropout=0.1, augmentation=medium",
        "dropout=0.1 on top of augmentation=medium",
    ]
    pairs = [(MEDIUM, NONE), (BOTH, NONE), (BOTH, MEDIUM)]
    tests = [stats.ttest_rel(*pair) for pair in pairs]
    for contrast, test in zip(comparison.contrasts, tests, strict=True):
        found = contrast.differences["accuracy"]
        interval = test.confidence_interval()
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
        assert found.p == pytest.approx(test.pvalue)
        # the data loss of these runs is 1 - accuracy
        assert contrast.differences["data_loss"].mean == pytest.approx(-found.mean)
    p = [test.pvalue for test in tests]
    assert p[0] == pytest.approx(p[1])  # so that 2 p[1] is raised to 3 p[0]
    assert [c.p_holm for c in comparison.contrasts] == pytest.approx([3 * p[0], 3 * p[0], p[2]])


def test_verdicts_say_what_the_pairs_show(three):
    comparison = zoo.compare(three)
    assert comparison.verdicts == [
        "augmentation=medium: accuracy +0.192 ± 0.010 over 5 pairs (better, p = 0.0001)",
        "dropout=0.1, augmentation=medium: accuracy +0.192 ± 0.010 over 5 pairs (better, "
        "p = 0.0001)",
        "dropout=0.1 on top of augmentation=medium: nothing that 5 pairs could show (accuracy "
        "+0.000 ± 0.004, p = 1.000)",
    ]
    losses = zoo.compare(three, score="data_loss").verdicts
    assert losses[0].startswith("augmentation=medium: data_loss -0.192 ± 0.010 over 5 pairs (bet")


def test_the_baseline_can_be_chosen(three):
    comparison = zoo.compare(three, baseline="augmentation=medium")
    assert comparison.groups[0].name == "augmentation=medium"
    assert comparison.verdicts[0].startswith("none: accuracy -0.192 ± 0.010 over 5 pairs (worse")
    with pytest.raises(ValueError, match="`baseline` must be one of 'none', 'augmentation=medium'"):
        zoo.compare(three, baseline="medium")


def test_without_an_unregularized_group_the_first_one_is_the_baseline(write_group):
    runs = write_group("a", [0.5, 0.6], l2=0.1) + write_group("b", [0.5, 0.6], l2=0.2)
    assert zoo.compare(runs).baseline.name == "l2=0.1"
    assert zoo.compare(runs[::-1]).baseline.name == "l2=0.2"


def test_holms_correction_decides_where_a_single_interval_would_not(write_group):
    """p is 0.04 each: alone it would be shown, but not as the best of two."""
    rng = np.random.default_rng(0)
    spread = rng.normal(size=5)
    spread = (spread - spread.mean()) / spread.std(ddof=1) / 100
    shift = stats.t.isf(0.02, 4) * 0.01 / np.sqrt(5)
    runs = write_group("a", [0.5] * 5)
    runs += write_group("b", 0.5 + spread + shift, dropout=0.1)
    assert zoo.compare(runs).contrasts[0].p_holm == pytest.approx(0.04)
    assert "over 5 pairs (better, p = 0.040)" in zoo.compare(runs).verdicts[0]
    runs += write_group("c", 0.5 - spread + shift, l2=0.1)
    comparison = zoo.compare(runs)
    assert [c.p_holm for c in comparison.contrasts] == pytest.approx([0.08, 0.08])
    assert all("nothing that 5 pairs could show" in verdict for verdict in comparison.verdicts)
    assert comparison.contrasts[0].differences["accuracy"].low > 0
    assert "p has Holm's correction for 2" in str(comparison)


def test_only_pairs_count_and_it_says_so(write_group):
    runs = write_group("a", [0.5, 0.6, 0.7]) + write_group("b", [0.6, 0.72], dropout=0.1)
    comparison = zoo.compare(runs)
    assert comparison.contrasts[0].differences["accuracy"].pairs == 2
    assert comparison.contrasts[0].differences["accuracy"].mean == pytest.approx(0.11)
    assert comparison.notes == (
        "dropout=0.1 and none have different seeds. Only pairs count for their differences; seeds "
        "in common: 0, 1.",
    )


def test_one_pair_no_pair_and_equal_differences_have_no_interval(write_group, write_run):
    runs = write_group("a", [0.5, 0.6]) + write_group("b", [0.75], dropout=0.1)
    assert zoo.compare(runs).verdicts == [
        "dropout=0.1: accuracy +0.250 in 1 pair, which has no interval"
    ]
    other = Run.load(write_run("c", seed=9, l2=0.1))
    assert zoo.compare([*runs, other]).verdicts[1] == (
        "l2=0.1: no seed in common with none, so no comparison"
    )
    runs = write_group("a", [0.5, 0.6]) + write_group("d", [0.6, 0.7], noise=0.1)
    assert zoo.compare(runs).verdicts == [
        "noise=0.1: accuracy +0.100 in each of 2 pairs, which gives no interval"
    ]
    assert "+0.100" in str(zoo.compare(runs))


@pytest.mark.parametrize(
    ("score", "word"), [("rmse", "worse, "), ("macro_f1", "better, "), ("auc", "")]
)
def test_better_and_worse_are_not_guessed_of_a_metric_of_ones_own(write_group, score, word):
    runs = write_group("a", [0.5, 0.6, 0.7]) + write_group("b", [0.6, 0.71, 0.81], dropout=0.1)
    for run in runs:
        run.result["test"][score] = run.result["test"]["accuracy"]
    (verdict,) = zoo.compare(runs, score=score).verdicts
    assert verdict == f"dropout=0.1: {score} +0.107 ± 0.003 over 3 pairs ({word}p = 0.0010)"


def test_a_group_alone_is_described_without_a_comparison(write_group):
    comparison = zoo.compare(write_group("a", [0.5, 0.6]))
    assert comparison.verdicts == []
    assert "accuracy" in str(comparison)
    assert comparison.to_markdown().count("| mlp |") == 1


def test_two_factors_are_compared_on_top_of_each_other(write_group):
    runs = write_group("a", [0.5])
    runs += write_group("b", [0.5], dropout=0.1) + write_group("c", [0.5], l2=0.1)
    runs += write_group("d", [0.5], dropout=0.1, l2=0.1)
    names = [contrast.name for contrast in zoo.compare(runs).contrasts]
    assert names[2:] == [
        "l2=0.1, dropout=0.1",
        "l2=0.1 on top of dropout=0.1",
        "dropout=0.1 on top of l2=0.1",
    ]


def test_directories_stand_for_the_finished_runs_in_them(three, write_run):
    unfinished = write_run("d/e", seed=3, finished=False)
    write_run("a-0/refit", seed=7)  # belongs to its run
    (three / "notes").mkdir()
    (three / "notes" / "config.json").write_text("[]")
    comparison = zoo.compare([str(three), three / "a-0", Run.load(three / "a-1")])
    assert [len(group.runs) for group in comparison.groups] == [5, 5, 5]
    assert comparison.left_out == (unfinished,)
    assert f"Left out, since not finished: {unfinished}" in " ".join(str(comparison).split())


def test_versions_that_differ_are_noted(write_group):
    runs = write_group("a", [0.5, 0.6]) + write_group("b", [0.7], changes={"versions.keras": "3.0"})
    runs[2].config["training"]["seed"] = runs[2].config["model"]["seed"] = 2
    keras = runs[0].config["versions"]["keras"]
    expected = f"The runs have several versions of keras: 3.0 in 1 run, {keras} in 2 runs."
    assert zoo.compare(runs).notes == (expected,)


def test_text_fits_80_columns_and_has_the_figures(three):
    text = str(zoo.compare(three))
    assert max(map(len, text.splitlines())) <= 80
    assert re.search(r"^none +5 +0.612 ± 0.006 +0.388 ± 0.006 +0.388 ± 0.006$", text, re.M)
    assert re.search(r"^augmentation=medium +5 +\+0.192 ± 0.010 +\+0.16", text, re.M)
    assert "dropout=0.1 on top of" in text


def test_markdown_has_rows_of_equal_length(three):
    lines = zoo.compare(three).to_markdown().splitlines()
    tables = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in tables[:5]}) == 1
    assert len({line.count("|") for line in tables[5:]}) == 1
    assert "| none | 5 | 0.612 ± 0.006 |" in "\n".join(lines)


def test_json_has_everything(three):
    comparison = zoo.compare(three)
    values = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert values["baseline"] == "none"
    assert [group["settings"] for group in values["groups"]][2] == {
        "dropout": 0.1,
        "augmentation": "medium",
    }
    assert values["groups"][0]["figures"]["accuracy"]["values"] == NONE
    assert values["groups"][0]["seeds"][4] == {"training": 4, "model": 4, "data": 0}
    assert values["groups"][0]["directories"][0].endswith("a-0")
    assert [contrast["shown"] for contrast in values["contrasts"]] == [True, True, False]
    assert values["contrasts"][0]["verdict"] == comparison.verdicts[0]


def test_the_data_frame_has_a_row_for_each_group(three):
    table = zoo.compare(three).table()
    assert [*table.index] == ["none", "augmentation=medium", "dropout=0.1, augmentation=medium"]
    assert table.loc["augmentation=medium", "accuracy"] == pytest.approx(np.mean(MEDIUM))
    assert table.loc["none", "accuracy_error"] == pytest.approx(stats.sem(NONE))
    assert [*table["pairs"].fillna(0)] == [0, 5, 5]
    assert [*table["dropout"]] == [0.0, 0.0, 0.1]


@pytest.mark.parametrize(
    ("changes", "received"),
    [
        ({"data.name": "wine"}, "data 'sklearn/iris' in .*a-0, 'wine' in .*b-0"),
        ({"data.task.kind": "multilabel"}, "the task 'classification' in .*, 'multilabel' in"),
        ({"data.arguments.target": "price"}, "`target` None in .*, 'price' in"),
        ({"data.sizes.test": 9}, "the size of the test part 30 in .*, 9 in"),
        ({"data.sizes.train": 9}, "data 'sklearn/iris', which changed between .*a-0 and .*b-0"),
        ({"data.arguments.digest": "x"}, "data 'sklearn/iris', which changed between"),
    ],
)
def test_runs_of_other_data_or_tasks_are_refused(write_run, changes, received):
    runs = [write_run("a-0"), write_run("b-0", changes=changes, dropout=0.1)]
    expected = f"`runs` must be of the same data and task. Received: {received}"
    with pytest.raises(ValueError, match=expected):
        zoo.compare(runs)


def test_validation_figures_are_compared_if_they_are_of_the_same_samples(write_run):
    runs = [write_run("a-0"), write_run("b-0", dropout=0.1)]
    assert zoo.compare(runs, part="validation").part == "validation"
    other = write_run("c-0", changes={"data.sizes.validation": 9}, noise=0.1)
    with pytest.raises(ValueError, match=r"the size of the validation part 12 in .*, 9 in"):
        zoo.compare([*runs, other], part="validation")
    run = Run.load(runs[0])
    del run.result["test"]
    expected = "`part` must be a part of the data that all runs have. Received: part='test'; "
    with pytest.raises(ValueError, match=f"{expected}.*a-0 has validation"):
        zoo.compare(run)


@pytest.mark.parametrize(
    ("runs", "arguments", "error", "message"),
    [
        ([], {}, ValueError, "`runs` must be a list of zoo.Runs, or directories"),
        (
            3,
            {},
            TypeError,
            "`runs` must be a list of zoo.Runs, or directories of runs. Received: runs=3",
        ),
        ([3], {}, TypeError, "`runs` must be zoo.Runs, or directories of runs"),
        ("nowhere", {}, FileNotFoundError, "`runs` must be .* runs='nowhere', no such directory"),
        (".", {"part": "train"}, ValueError, "`part` must be one of 'test', 'validation'"),
        (".", {"confidence": 95}, ValueError, "`confidence` must be a number in"),
        (".", {"score": "f1"}, ValueError, "`score` must be one of 'accuracy', .* 'data_loss'"),
        (".", {}, None, None),
    ],
)
def test_wrong_arguments(write_run, monkeypatch, tmp_path, runs, arguments, error, message):
    monkeypatch.chdir(write_run("a-0").parent)
    if error is None:
        assert len(zoo.compare(runs, **arguments).groups) == 1
        return
    with pytest.raises(error, match=message):
        zoo.compare(runs, **arguments)


def test_directories_without_a_finished_run_are_refused(write_run, tmp_path):
    path = write_run("a-0", finished=False)
    with pytest.raises(FileNotFoundError, match=r"`runs` must be .*, 1 unfinished"):
        zoo.compare(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"`runs` must be .*empty', no run"):
        zoo.compare([write_run("b-0"), tmp_path / "empty"])


def test_trained_runs_of_arrays_are_compared(tmp_path):
    """Runs that were not written to a directory, of a regression."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype("float32")
    data = zoo.load_data((x, x @ [1.0, -1.0, 0.5] + rng.normal(size=120)), task="regression")
    runs = []
    for strength in (0.0, 3.0):
        for seed in (0, 1):
            regularization = zoo.Regularization(l2=strength)
            model = zoo.create_model(
                "mlp", data=data, regularization=regularization, seed=seed, units=(8,)
            )
            log_dir = None if strength else tmp_path / str(seed)
            runs.append(
                zoo.train(
                    model,
                    data,
                    epochs=20,
                    seed=seed,
                    patience=None,
                    refit=False,
                    log_dir=log_dir,
                    verbose=0,
                )
            )
    comparison = zoo.compare([tmp_path, *runs[2:]])
    assert [group.name for group in comparison.groups] == ["none", "l2=3"]
    assert comparison.score == "r2"
    expected = [after.result["test"]["r2"] - run.result["test"]["r2"]
                for run, after in zip(runs[:2], runs[2:], strict=True)]  # fmt: skip
    assert comparison.contrasts[0].differences["r2"].mean == pytest.approx(np.mean(expected))
    assert np.mean(expected) < 0
    assert comparison.plot(tmp_path / "curves.png").stat().st_size > 10_000
