"""`EarlyStopping` over crafted curves; the only weight of the model is the number of the epoch."""

import inspect
import json
import re

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from occam.callbacks import EarlyStopping, GeneralizationLoss, SuccessiveIncreases

NAN = float("nan")


class Model:
    """The methods of a model that the callback uses."""

    trainable_weights = ()
    losses = ()

    def __init__(self):
        self.stop_training = False
        self.weights = [keras.Variable([-1.0])]

    @property
    def weight(self):
        return float(self.weights[0][0])

    @weight.setter
    def weight(self, value):
        self.weights[0].assign([value])

    def get_weights(self):
        return [np.array(weight) for weight in self.weights]

    def set_weights(self, weights):
        (array,) = weights
        self.weights[0].assign(array)

    def _flatten_layers(self):
        return []


def logs_of(callback, value):
    return value if isinstance(value, dict) else {callback.monitor: value}


def follow(callback, values, start=0):
    """Call the callback once an epoch, until it stops."""
    for epoch, value in enumerate(values, start):
        callback.model.weight = float(epoch)
        callback.on_epoch_end(epoch, logs_of(callback, value))
        if callback.model.stop_training:
            return


def run(values, *args, **kwargs):
    """Return the callback after training, and the epoch whose weights the model has."""
    callback = EarlyStopping(*args, **{"verbose": 0, **kwargs})
    callback.set_model(Model())
    callback.on_train_begin()
    follow(callback, values)
    callback.on_train_end()
    return callback, callback.model.weight


def test_it_takes_the_arguments_of_keras_in_their_order_and_its_own_by_name():
    theirs = inspect.signature(keras.callbacks.EarlyStopping).parameters
    ours = inspect.signature(EarlyStopping).parameters
    assert [*ours][: len(theirs)] == [*theirs]
    assert {p.kind for p in [*ours.values()][len(theirs) :]} == {inspect.Parameter.KEYWORD_ONLY}
    assert issubclass(EarlyStopping, keras.callbacks.EarlyStopping)


def test_stops_after_patience_with_the_best_weights():
    callback, weight = run([3.0, 1.0, 2.0, 1.5, 0.0], patience=2)
    assert (callback.best, callback.best_epoch, callback.stopped_epoch) == (1.0, 1, 3)
    assert (callback.best_value, callback.wasted_epochs) == (1.0, 2)
    assert callback.stop_reason == "val_data_loss has not improved for 2 epochs"
    assert weight == 1


def test_restores_the_best_weights_also_at_the_last_epoch():
    callback, weight = run([3.0, 1.0, 2.0], patience=2)
    assert (callback.stopped_epoch, callback.stop_reason) == (0, None)
    assert callback.wasted_epochs == 1
    assert weight == 1


def test_restore_best_weights_false_leaves_the_last_weights():
    callback, weight = run([3.0, 1.0, 2.0, 3.0], patience=2, restore_best_weights=False)
    assert (callback.best_epoch, callback.best_weights, weight) == (1, None, 3)


@pytest.mark.parametrize("patience", [0, 1, 2, 3])
def test_patience_counts_as_that_of_reduce_lr_on_plateau(patience):
    values = [10.0, 9.0, 8.0, 9.0, 8.9, 8.8, 8.7, 8.6, 8.5]
    callback, _ = run(values, "loss", patience=patience)
    assert callback.stopped_epoch == 2 + max(patience, 1)

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    plateau = keras.callbacks.ReduceLROnPlateau("loss", patience=patience, factor=0.5)
    plateau.set_model(model)
    plateau.on_train_begin()
    for epoch, value in enumerate(values):
        plateau.on_epoch_end(epoch, {"loss": value})
        if float(model.optimizer.learning_rate) < 1.0:
            break
    assert epoch == callback.stopped_epoch


@pytest.mark.parametrize("bad", [NAN, float("inf"), -float("inf")])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_epoch_that_is_not_finite_is_never_the_best(bad, at):
    values = [3.0, 2.0, 1.0]
    values[at] = bad
    callback, weight = run(values, patience=5)
    assert callback.best == min(v for v in values if np.isfinite(v))
    assert values[int(weight)] == callback.best


@pytest.mark.parametrize(("nan_patience", "stopped"), [(1, 1), (3, 3), (4, 4)])
def test_repeated_nan_stops_training(nan_patience, stopped):
    callback, weight = run([2.0, *[NAN] * 9], patience=9, nan_patience=nan_patience)
    epochs = "1 epoch" if nan_patience == 1 else f"{nan_patience} epochs"
    reason = f"val_data_loss or a weight was NaN or infinite for {epochs}"
    assert (callback.stopped_epoch, callback.stop_reason) == (stopped, reason)
    assert weight == 0


def test_nan_from_the_first_epoch_on_stops_during_the_warm_up_too():
    callback, weight = run([NAN] * 9, patience=9, start_from_epoch=20)
    assert callback.stopped_epoch == 2
    assert (callback.best_value, callback.wasted_epochs, weight) == (None, 3, 2)


def test_occasional_nan_counts_against_the_patience_only():
    callback, _ = run([1.0, NAN, 2.0, NAN, 2.0, NAN], patience=5, nan_patience=2)
    assert callback.stopped_epoch == 5
    assert callback.stop_reason == "val_data_loss has not improved for 5 epochs"


def test_weights_that_are_not_finite_are_not_the_best_whatever_the_metric_says():
    # An accuracy is finite where all logits are NaN.
    class Diverging(Model):
        @Model.weight.setter
        def weight(self, value):
            self.weights[0].assign([NAN if value >= 2 else value])

    for restore in (True, False):
        callback = EarlyStopping(
            "val_accuracy", mode="max", patience=9, verbose=0, restore_best_weights=restore
        )
        callback.set_model(Diverging())
        callback.on_train_begin()
        follow(callback, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
        assert (callback.best_epoch, callback.best_value) == (1, 0.2)
        assert callback.stopped_epoch == 4
        assert "val_accuracy or a weight was NaN" in callback.stop_reason


LOSS = {"loss": 1.0}


@pytest.mark.parametrize(
    ("values", "monitor", "message"),
    [
        ([{**LOSS, "val_loss": 1.0}], "auc", "'auc', which is not logged. Logged: loss, val_loss."),
        ([LOSS], ["loss", "b", "c"], r"'b' and 'c', which is not logged. Logged: loss\."),
        ([LOSS], None, "monitors 'val_data_loss' and 'val_loss'"),
        ([LOSS, {"other": 1.0}], "loss", "monitors 'loss'"),
        ([{"f1": np.ones(2)}], "f1", r"only monitor single numbers. Received: f1 of shape \(2,\)"),
    ],
)
def test_a_monitor_without_a_number_in_the_logs_is_an_error(values, monitor, message):
    with pytest.raises(ValueError, match=message):  # for a name, in the warm-up, too
        run(values, monitor, mode="min", start_from_epoch=5 if monitor else 0)


def test_epochs_without_validation_are_passed_over():
    seen, unseen = (lambda v: {"loss": 0.0, "val_loss": v}), {"loss": 0.0}
    values = [unseen, seen(1.0), unseen, seen(2.0), unseen, seen(3.0), unseen]
    callback, weight = run(values, "val_loss", patience=2, start_from_epoch=1)
    assert (callback.stopped_epoch, callback.best_epoch, callback.wasted_epochs) == (5, 1, 4)
    assert weight == 1
    with pytest.raises(ValueError, match=r"with validation_freq=n EarlyStopping start_from_epoch"):
        run(values, "val_loss", patience=2)


def test_the_default_monitor():
    callback, _ = run([{"val_loss": 1.0, "val_data_loss": 2.0}] * 2)
    assert (callback.monitor, callback.best) == ("val_data_loss", 2.0)
    callback, _ = run([{"val_loss": 1.0}] * 2)
    assert (callback.monitor, callback.best) == ("val_loss", 1.0)


def test_only_values_from_start_from_epoch_count():
    callback, weight = run([1.0, 0.5, 3.0, 2.0, 4.0, 4.0, 4.0], patience=3, start_from_epoch=2)
    assert (callback.best_epoch, callback.best, callback.stopped_epoch) == (3, 2.0, 6)
    assert weight == 3


@pytest.mark.parametrize("rest", [[], [NAN, NAN]])
def test_training_that_ends_before_start_from_epoch_keeps_the_best(rest):
    callback, weight = run([3.0, 1.0, 2.0, *rest], patience=1, start_from_epoch=3, nan_patience=9)
    assert (callback.best_epoch, callback.best, weight) == (1, 1.0, 1)


@pytest.mark.parametrize(
    ("min_delta", "values", "mode", "improved"),
    [
        (0, [1.0, 0.9], "min", True),
        (0, [1.0, 1.0], "min", False),
        (0, [1.0, 1.1], "max", True),
        (0.25, [1.0, 0.75], "min", False),  # not by more than the delta
        (0.25, [1.0, 0.5], "min", True),
        (-0.25, [1.0, 0.75], "min", False),  # as in Keras, the sign does not matter
        (0.25, [1.0, 1.5], "max", True),
        ("10%", [100.0, 91.0], "min", False),
        ("10%", [100.0, 89.0], "min", True),
        ("10%", [0.01, 0.0091], "min", False),
        ("10%", [0.01, 0.0089], "min", True),
        ("10%", [0.5, 0.54], "max", False),
        ("10%", [0.5, 0.56], "max", True),
        ("10%", [-100.0, -105.0], "min", False),  # negative losses: 10% of their size
        ("10%", [-100.0, -111.0], "min", True),
    ],
)
def test_an_improvement_must_exceed_min_delta(min_delta, values, mode, improved):
    callback, _ = run(values, "score", min_delta, mode=mode, patience=9)
    assert callback.best_epoch == int(improved)


def test_min_delta_relative_to_the_best():
    values = [100.0, 99.5, 99.1, 98.9]  # 1% of 100 is 1
    callback, _ = run(values, "loss", "1%", 2)
    assert (callback.stopped_epoch, callback.best) == (2, 100.0)
    callback, _ = run(values, "loss", "1%", 3)
    assert callback.best == 98.9


def test_smoothing_forgives_a_single_bad_epoch_and_a_single_good_one():
    noisy = [4.0, 3.0, 2.0, 9.0, 0.5, 2.0, 2.0, 2.1, 2.2, 2.3, 2.4]
    callback, _ = run(noisy, patience=1)
    assert callback.stopped_epoch == 3
    callback, weight = run(noisy, patience=3, smooth="median:3")
    # The medians: 4, 3.5, 3, 3, 2, 2, 2, 2, ...: the best is epoch 4, the first of them with 2.
    assert (callback.best_value, callback.best_epoch, callback.stopped_epoch) == (2.0, 4, 7)
    assert weight == 4
    callback, _ = run([4.0, 2.0, 4.0], patience=2, smooth="ema:0.3")
    assert callback.best_value == pytest.approx(0.3 * 2 + 0.7 * 4)


def test_values_that_are_not_finite_do_not_enter_the_smoothing():
    callback, _ = run([4.0, NAN, 2.0], patience=5, smooth="ema:0.5")
    assert callback.best_value == 3.0


def test_a_set_of_metrics_stops_when_none_improves():
    loss = [3.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    accuracy = [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4]
    values = [{"val_loss": a, "val_accuracy": b} for a, b in zip(loss, accuracy, strict=True)]
    monitor = {"val_loss": "min", "val_accuracy": "max"}
    callback, weight = run(values, monitor, patience=2)
    assert callback.stopped_epoch == 5
    assert callback.stop_reason == (
        "val_loss has not improved for 4 epochs; val_accuracy has not improved for 2 epochs"
    )
    assert (callback.monitor, callback.best_epoch, callback.wait, weight) == ("val_loss", 1, 2, 1)
    other = dict(reversed(monitor.items()))
    callback, weight = run(values, other, patience=2)  # now the accuracy decides on the weights
    assert (callback.monitor, callback.best_epoch, callback.stopped_epoch, weight) == (
        "val_accuracy",
        3,
        5,
        3,
    )


def test_a_set_with_a_criterion_of_prechelt_needs_all_of_them():
    values = [{"a": x, "b": y} for x, y in [(1.0, 1.0), (1.2, 0.9), (1.0, 1.2), (1.2, 1.3)]]
    callback, _ = run(values, ["a", "b"], mode="min", criterion=GeneralizationLoss(10))
    assert callback.stopped_epoch == 3
    assert callback.stop_reason == (
        "a is 20% worse than its best, more than 10%; b is 44.4% worse than its best, more than 10%"
    )


# Goes down, stops, goes up; generalization loss by hand: 2.5% at 5, 7.5% at 6, 20% at 7.
CURVE = [8.0, 6.0, 5.0, 4.5, 4.0, 4.1, 4.3, 4.8, 6.0]


@pytest.mark.parametrize(
    ("kwargs", "stopped", "reason"),
    [
        ({"criterion": "gl"}, 6, "7.5% worse than its best, more than 5%"),
        ({"criterion": GeneralizationLoss(2)}, 5, "2.5% worse than its best, more than 2%"),
        ({"criterion": GeneralizationLoss(10)}, 7, "20% worse than its best, more than 10%"),
        ({"criterion": SuccessiveIncreases(1, 2)}, 7, "in 1 successive strip of 2"),
        ({"criterion": SuccessiveIncreases(2, 1)}, 6, "in 2 successive strips of 1"),
        ({"criterion": SuccessiveIncreases(3, 1)}, 7, "in 3 successive strips of 1 epoch"),
        ({"criterion": "up"}, 0, None),  # 3 strips of 5 epochs are not over
    ],
)
def test_criteria_of_prechelt(kwargs, stopped, reason):
    callback, weight = run(CURVE, **kwargs)
    assert callback.stopped_epoch == stopped
    assert reason is None if callback.stop_reason is None else reason in callback.stop_reason
    assert (callback.best_epoch, weight) == (4, 4)


def test_a_criterion_begins_with_the_first_monitored_epoch():
    callback, _ = run([1.0, *CURVE], criterion="gl", start_from_epoch=1)
    assert callback.stopped_epoch == 7


def test_a_baseline_has_to_be_beaten_before_the_patience_begins_anew():
    callback, weight = run([0.9, 0.8, 0.7, 0.71, 0.72, 0.73], patience=5, baseline=0.5)
    assert (callback.stopped_epoch, weight) == (4, 2)
    reason = "val_data_loss has not improved for 5 epochs over the baseline 0.5"
    assert callback.stop_reason == reason
    callback, _ = run([0.9, 0.4, 0.7, 0.71, 0.72, 0.73], patience=5, baseline=0.5)
    assert callback.stop_reason is None


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mode": "maximum"}, "Received: mode='maximum'"),
        ({"patience": -1}, "`patience` must be an integer >= 0. Received: patience=-1"),
        ({"patience": 2.5}, "Received: patience=2.5"),
        ({"patience": True}, "Received: patience=True"),
        ({"baseline": "0.5"}, "Received: baseline='0.5'"),
        ({"nan_patience": 0}, "`nan_patience` must be an integer >= 1. Received: nan_patience=0"),
        ({"start_from_epoch": -1}, "Received: start_from_epoch=-1"),
        ({"smooth": "mean:3"}, "Received: smooth='mean:3'"),
        *(
            ({"min_delta": d}, f"number, or a percentage like '1%'. Received: min_delta={d!r}")
            for d in ("1", "one%", "%", "1%2", NAN, None)
        ),
        ({"criterion": "pq"}, "Received: criterion='pq'"),
        ({"criterion": "gl", "patience": 3}, "`patience` must be 0 with another `criterion`"),
        (
            {"criterion": "gl", "baseline": 0.5},
            "`baseline` must be None unless criterion='patience'",
        ),
        ({"monitor": ["a", "b"], "baseline": 0.5}, "Received: baseline=0.5, criterion='patience'"),
    ],
)
def test_invalid_arguments(kwargs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        EarlyStopping(**kwargs)


@pytest.mark.parametrize(
    ("values", "kwargs", "line"),
    [
        (
            [3.0, 1.0, 2.0, 1.5],
            {},
            "Epoch 4: early stopping, val_data_loss has not improved for 2 epochs; restored the "
            "weights of epoch 2 (val_data_loss 1).\n",
        ),
        (
            [3.0, 1.0, 2.0, 1.5],
            {"restore_best_weights": False},
            "Epoch 4: early stopping, val_data_loss has not improved for 2 epochs; the best was "
            "epoch 2 (val_data_loss 1).\n",
        ),
        (
            [3.0, 1.0, 2.0],
            {},
            "Epoch 3: the end; restored the weights of epoch 2 (val_data_loss 1).\n",
        ),
        (
            [NAN, NAN],
            {},
            "Epoch 2: early stopping, val_data_loss has not improved for 2 epochs; no epoch was "
            "finite.\n",
        ),
        ([3.0, 2.0, 1.0], {}, ""),
        ([3.0, 1.0, 2.0, 1.5], {"verbose": 0}, ""),
    ],
)
def test_it_prints_one_line_at_the_end(capsys, values, kwargs, line):
    run(values, patience=2, **{"verbose": 1, **kwargs})
    assert capsys.readouterr().out == line
    assert inspect.signature(EarlyStopping).parameters["verbose"].default == 1


def test_can_be_used_again():
    callback, _ = run([1.0, 2.0, 3.0], patience=2)
    callback.model.stop_training = False
    callback.on_train_begin()
    assert (callback.best_value, callback.stop_reason, callback.best_weights) == (None, None, None)
    callback.on_epoch_end(0, {"val_data_loss": 5.0})
    assert (callback.best, callback.best_epoch, callback.wait) == (5.0, 0, 0)


def test_the_default_monitor_is_found_anew_in_each_training():
    callback, _ = run([{"val_loss": 1.0}] * 2)
    callback.on_train_begin()
    follow(callback, [{"val_loss": 1.0, "val_data_loss": 2.0}])
    assert callback.monitor == "val_data_loss"


CONFIGS = st.fixed_dictionaries(
    {
        "smooth": st.sampled_from([None, "ema:0.3", "median:3"]),
        "min_delta": st.sampled_from([0, "5%", 0.2]),
        "start_from_epoch": st.integers(0, 3),
        "nan_patience": st.integers(1, 3),
    }
).flatmap(
    lambda common: st.sampled_from(
        [
            {"patience": 2},
            {"patience": 3, "baseline": 1.0},
            {"criterion": GeneralizationLoss(20)},
            {"criterion": SuccessiveIncreases(2, 2)},
        ]
    ).map(lambda own: {**common, **own})
)
VALUES = st.lists(st.one_of(st.floats(0.1, 3.0), st.just(NAN)), min_size=2, max_size=14)


@settings(max_examples=150, deadline=None)
@given(CONFIGS, VALUES, st.data())
def test_a_training_resumed_at_any_epoch_ends_like_the_whole(kwargs, values, data):
    whole, weight = run(values, "loss", **kwargs)
    cut = data.draw(st.integers(1, whole._epochs))
    first, second = (EarlyStopping("loss", verbose=0, **kwargs) for _ in range(2))
    first.set_model(Model())
    follow(first, values[:cut])
    state = first.get_state()
    weights = state.pop("weights")
    state = json.loads(json.dumps(state))  # the rest is JSON
    second.set_model(first.model)
    second.on_train_begin()
    second.set_state({**state, "weights": weights})
    if not first.model.stop_training:
        follow(second, values[cut:], start=cut)
    second.on_train_end()
    names = ["best", "best_epoch", "stopped_epoch", "stop_reason", "wasted_epochs", "wait"]
    assert [getattr(second, n) for n in names] == [getattr(whole, n) for n in names]
    assert second.model.weight == weight


@pytest.mark.parametrize(("monitor", "mode"), [("other", "min"), ("loss", "max")])
def test_the_state_of_another_monitor_is_refused(monitor, mode):
    callback, _ = run([2.0, 1.0], "loss")
    other = EarlyStopping(monitor, mode=mode)
    message = f"of the monitors {{'loss': 'min'}}, instead of {{'{monitor}': '{mode}'}}"
    with pytest.raises(ValueError, match=re.escape(message)):
        other.set_state(callback.get_state())


def test_the_state_before_the_first_value():
    callback, other = EarlyStopping("val_loss"), EarlyStopping("val_loss")
    other.set_state(callback.get_state())
    assert (other.best_value, other.wasted_epochs) == (None, 0)
