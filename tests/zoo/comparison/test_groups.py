"""The fields that define a group, and its name."""

import pytest

from occam.zoo.comparison import Seed
from occam.zoo.comparison.groups import group_runs, name_of
from occam.zoo.training import Run


def names(runs, part="test"):
    return [group.name for group in group_runs(runs, part)]


def test_runs_that_differ_in_seeds_and_surroundings_only_are_a_group(write_run, write_group):
    surroundings = {"versions.keras": "3.0", "git": {"commit": "a", "dirty": True}}
    surroundings |= {"data.arguments.data_dir": "elsewhere", "model.seed": 7}
    other = Run.load(write_run("other", seed=3, changes=surroundings))
    (group,) = group_runs([*write_group("a", [0.5, 0.6]), other], "test")
    assert group.name == "mlp"
    assert group.settings == {}
    assert [str(seed) for seed in group.runs] == ["0", "1", "3 (model 7)"]
    assert group.figures["accuracy"] == [0.5, 0.6, 0.5]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"training.epochs": 9, "training.steps": 63}, "epochs=9"),
        ({"training.learning_rate": 0.001}, "learning_rate=0.001"),
        ({"data.arguments.batch_size": 8}, "batch_size=8"),
        ({"data.arguments.standardize": "robust"}, "standardize=robust"),
        ({"model.options.units": [16, 4]}, "units=(16,4)"),
        ({"model.weights": "w"}, "weights=w"),
        ({"model.name": "cnn1d", "model.options": {"width": 3}}, "model=cnn1d"),
    ],
)
def test_a_group_is_named_after_what_differs(write_group, changes, name):
    runs = write_group("a", [0.5]) + write_group("b", [0.5], changes=changes)
    first, second = group_runs(runs, "test")
    assert second.name == name
    assert first.settings.keys() == second.settings.keys()


def test_regularization_that_is_off_is_left_out_of_the_name(write_group):
    runs = write_group("a", [0.5])
    runs += write_group("b", [0.5], augmentation="medium")
    runs += write_group("c", [0.5], augmentation="medium", dropout=0.1)
    assert names(runs) == ["none", "augmentation=medium", "dropout=0.1, augmentation=medium"]
    first = group_runs(runs, "test")[0]
    assert first.settings == {"dropout": 0.0, "augmentation": "none"}


def test_none_means_no_regularization_at_all(write_group):
    runs = write_group("a", [0.5], l2=0.1) + write_group("b", [0.5], l2=0.1, dropout=0.1)
    assert names(runs) == ["dropout=0", "dropout=0.1"]


def test_two_fields_of_one_name_are_told_apart(write_group):
    changes = {"model.options.dropout": 0.3}
    runs = write_group("a", [0.5], changes={"model.options.dropout": 0.0})
    runs += write_group("b", [0.5], changes=changes, dropout=0.1)
    assert names(runs) == ["mlp.dropout=0", "mlp.dropout=0.3, regularization.dropout=0.1"]


def test_numbers_that_look_the_same_in_few_digits_are_told_apart():
    assert name_of({"l2": 0.1000000001}, regularized=True) == "l2=0.1000000001"


def test_a_field_that_an_older_run_does_not_have(write_group):
    runs = write_group("a", [0.5])
    del runs[0].config["training"]["rerun"]
    runs += write_group("b", [0.5])
    assert names(runs) == ["rerun=None", "rerun=True"]


def test_a_model_from_elsewhere_is_known_by_its_architecture(write_group):
    runs = write_group("a", [0.5], changes={"model": {"architecture": "abc", "seed": 0}})
    runs += write_group("b", [0.5])
    assert names(runs) == ["model=architecture abc", "model=mlp"]
    assert Seed.of(runs[0]) == Seed.of(runs[1]) == Seed(0, 0, 0)


def test_the_layers_of_a_model_from_elsewhere_are_not_said_to_have_no_regularization(write_group):
    changes = {"model": {"architecture": "abc", "regularization": {}}}
    changes |= {"data.task": {"kind": "given", "names": []}}
    runs = write_group("a", [0.5], changes=changes)
    runs += write_group("b", [0.5], changes=changes, mixup=0.2)
    assert names(runs) == ["mixup=0", "mixup=0.2"]


def test_figures_are_the_scores_the_loss_the_gap_and_the_time(write_group):
    runs = write_group("a", [0.75])
    (group,) = group_runs(runs, "test")
    assert group.figures == {
        "accuracy": [0.75],
        "log_loss": [0.5],
        "calibration_error": [0.1],
        "data_loss": [0.25],
        "gap_data_loss": [0.25],
        "gap_accuracy": [0.25],
        "epochs": [3.0],
        "seconds": [1.5],
    }
    assert group.mean("accuracy") == (0.75, None)
    runs[0].result["refit"] = True  # the gap would be one of two models
    (group,) = group_runs(runs, "validation")
    assert [*group.figures] == ["accuracy", "log_loss", "data_loss", "epochs", "seconds"]


def test_the_same_run_twice_and_figures_that_are_not_finite_are_refused(write_group):
    runs = write_group("a", [0.5]) + write_group("b", [0.5])
    with pytest.raises(ValueError, match=r"a-0 and .*b-0, both with seed 0"):
        group_runs(runs, "test")
    runs[0].result["test"]["accuracy"] = float("nan")
    with pytest.raises(ValueError, match=r"`runs` must be runs with finite figures.*accuracy nan"):
        group_runs(runs[:1], "test")
