import numpy as np
import pytest

from occam.callbacks.tensorboard import HParams, Interval

RANGES = {"l2": Interval(1e-5, 0.1, log=True), "dropout": Interval(0, 0.5), "mix": ("no", "up")}


def test_a_hyperparameter_that_is_off_has_an_effective_value():
    effective = HParams({"l2": None, "dropout": 0.2}, RANGES).effective()
    assert effective == {"l2": 0.0, "log10_l2": -6.0, "dropout": 0.2, "mix": "no"}
    assert HParams({"l2": 1e-3}, RANGES).effective()["log10_l2"] == pytest.approx(-3)
    assert HParams({"seed": np.int64(3), "extra": None}).effective() == {"seed": 3, "extra": 0.0}


def test_wrong_values_and_ranges():
    with pytest.raises(ValueError, match=r"`mix` must be one of \['no', 'up'\]. Received: mix='x'"):
        HParams({"mix": "x"}, RANGES)
    with pytest.raises(ValueError, match=r"bools, numbers or texts. Received: l2=\[1\]"):
        HParams({"l2": [1]})
    with pytest.raises(ValueError, match=r"0 < low <= high. Received: low=0, high=1"):
        Interval(0, 1, log=True)


def test_the_columns_of_a_tuner_do_not_depend_on_conditions():
    keras_tuner = pytest.importorskip("keras_tuner")
    space = keras_tuner.HyperParameters()
    space.Boolean("penalize")
    with space.conditional_scope("penalize", [True]):
        space.Float("l2", 1e-5, 1e-1, sampling="log", default=1e-3)
        space.Choice("kind", ["ridge", "lasso"])
        space.Choice("power", [1, 2])
    space.Choice("units", [16, 32])
    off = HParams.from_tuner(space).effective()
    inactive = {"l2": 0.0, "log10_l2": -6.0, "kind": "none", "power": 0.0}
    assert off == {"penalize": False, **inactive, "units": 16}
    space.values |= {"penalize": True, "l2": 1e-3, "kind": "lasso", "power": 2}
    on = HParams.from_tuner(space).effective()
    assert on.keys() == off.keys()
    assert (on["l2"], on["log10_l2"]) == (1e-3, pytest.approx(-3))
    assert (on["kind"], on["power"]) == ("lasso", 2)


def test_the_switch_of_a_penalty_has_no_column():
    keras_tuner = pytest.importorskip("keras_tuner")
    space = keras_tuner.HyperParameters()
    space.Boolean("rate on")
    with space.conditional_scope("rate on", [True]):
        space.Float("rate", 0.1, 0.5)
    assert HParams.from_tuner(space).effective() == {"rate": 0.0}
