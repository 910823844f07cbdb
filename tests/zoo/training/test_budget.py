"""How long a training is: in epochs as told, or in steps that small data has, too."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam import zoo
from occam.zoo.training.budget import EPOCH_STEPS, Budget

from ...callbacks.conftest import Crash


class Sized:
    """Data of so many batches and validation samples."""

    def __init__(self, batches, validation=40):
        self.steps_per_epoch = batches
        self.sizes = {"validation": validation}


@pytest.mark.parametrize(
    ("batches", "arguments", "expected"),
    [
        (36, {}, Budget(100, 1, 3600, 30)),  # as mnist1d in batches of 100
        (3, {}, Budget(34, 10, 1020, 30)),
        (7, {}, Budget(29, 5, 1015, 30)),
        (1, {}, Budget(34, 30, 1020, 30)),
        (3, {"epochs": 20}, Budget(20, 1, 60, 30)),
        (36, {"epochs": 1}, Budget(1, 1, 36, 30)),
        (3, {"steps": 600}, Budget(20, 10, 600, 30)),
        (3, {"steps": 4}, Budget(1, 2, 6, 30)),
        (36, {"steps": 100}, Budget(3, 1, 108, 30)),
    ],
)
def test_epochs_as_told_or_steps_for_data_of_any_size(batches, arguments, expected):
    assert Budget.of(Sized(batches), **arguments) == expected


def test_few_validation_samples_stop_nothing_unless_told():
    assert Budget.of(Sized(36, validation=39)).patience is None
    assert Budget.of(Sized(36, validation=39), patience=7).patience == 7
    assert Budget.of(Sized(36), patience=None).patience is None


@given(st.integers(1, 2000), st.integers(1, 20_000))
def test_the_steps_are_those_asked_for_up_to_one_epoch(batches, steps):
    budget = Budget.of(Sized(batches), steps=steps)
    each = budget.passes * batches
    assert budget.steps == budget.epochs * each
    assert steps <= budget.steps < steps + each
    assert each >= EPOCH_STEPS or budget.epochs == 1
    assert (budget.passes - 1) * batches < EPOCH_STEPS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 3, "steps": 9}, "Pass `epochs` or `steps`, not both. Received: epochs=3, st"),
        ({"epochs": 0}, "`epochs` must be an integer >= 1"),
        ({"steps": 2.5}, "`steps` must be an integer >= 1"),
        ({"patience": 0}, "`patience` must be an integer >= 1"),
        ({"patience": "long"}, "`patience` must be 'auto', an integer >= 1, or None"),
        ({"steps": True}, "`steps` must be an integer >= 1"),
    ],
)
def test_what_is_no_length_is_an_error(arguments, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        Budget.of(Sized(4), **arguments)


@pytest.fixture(scope="module")
def small():
    random = np.random.default_rng(0)
    x = random.normal(size=(40, 5)).astype("float32")
    return zoo.load_data((x, (x[:, 0] > 0).astype(int)), batch_size=16, test=False)


def train(data, **arguments):
    model = zoo.create_model(
        "tabular_resnet", data=data, regularization="light", seed=0, width=8, hidden=8
    )
    return model, zoo.train(model, data, verbose=0, seed=0, **arguments)


def test_small_data_is_passed_several_times_in_an_epoch(small):
    model, run = train(small, steps=60)
    assert run.config["training"]["passes"] == 10  # of 3 batches
    assert int(model.optimizer.iterations) == 60
    assert run.result["epochs"] == len(run.history["loss"]) == 2


# Keras' CSVLogger leaves its file open after an exception.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_training_of_several_passes_ends_with_the_same_bytes(small, tmp_path):
    model, run = train(small, steps=120, refit=False, log_dir=tmp_path / "whole")
    with pytest.raises(RuntimeError, match="crash"):
        train(small, steps=120, refit=False, log_dir=tmp_path / "broken", callbacks=[Crash(2)])
    again, resumed = train(small, steps=120, refit=False, log_dir=tmp_path / "broken")
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert resumed.history == run.history


def test_the_length_is_said(small, capsys):
    model = zoo.create_model("mlp", data=small, units=(4,), seed=0)
    zoo.train(model, small, steps=30)
    assert (
        "Training for 1 epoch of 10 passes (30 steps), without early stopping."
        in capsys.readouterr().err
    )
