"""Names of scalars, the layout of their charts, event files and the figure of a run."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.scalar.summary_v2 import scalar_pb

from occam.callbacks.tensorboard import plot_run, read_scalars, runs_of
from occam.callbacks.tensorboard.charts import RUNS, band_layout, grouped_name, layout
from occam.callbacks.tensorboard.description import card
from occam.callbacks.tensorboard.event_file import EventFile
from occam.callbacks.tensorboard.summaries import histogram, scalars


@pytest.mark.parametrize(
    ("name", "run", "tag"),
    [
        ("loss", "train", "loss/total"),
        ("val_loss", "validation", "loss/total"),
        ("data_loss", "train", "loss/data"),
        ("val_data_loss", "validation", "loss/data"),
        ("train_eval_loss", "train_eval", "loss/data"),
        ("train_eval_accuracy", "train_eval", "metrics/accuracy"),
        ("val_accuracy", "validation", "metrics/accuracy"),
        ("penalty", "train", "penalty/total"),
        ("val_penalty", "validation", "penalty/total"),
        ("penalty/mlp/dense", "train", "penalty/mlp/dense"),
        ("gap_loss", "train", "gap/loss"),
        ("gap_accuracy", "train", "gap/accuracy"),
        ("sparsity", "train", "sparsity/total"),
        ("gradient_norm/dense", "train", "gradient_norm/dense"),
        ("gradient_norm", "train", "gradient_norm/total"),
        ("penalty_gradient_ratio", "train", "penalty_gradient_ratio/total"),
        ("sharpness/worst", "train", "sharpness/worst"),
        ("learning_rate", "train", "rates/learning_rate"),
        ("val_head_loss", "validation", "loss/head"),
        ("steps_per_second", "train", "speed/steps_per_second"),
    ],
)
def test_grouped_name(name, run, tag):
    assert grouped_name(name) == (run, tag)


NAMES = st.tuples(
    st.sampled_from(["", "val_", "train_eval_", "gap_"]),
    st.text("abcdelostv_", min_size=1, max_size=8),
    st.sampled_from(["", "_loss", "/total", "/a/b"]),
).map("".join)


@settings(deadline=None)
@given(NAMES)
def test_every_name_has_a_run_and_a_group(name):
    run, tag = grouped_name(name)
    assert run in RUNS
    assert "/" in tag


def test_an_output_or_a_layer_named_total_does_not_hide_the_total():
    names = ["loss", "total_loss", "penalty", "penalty/total"]
    assert len({grouped_name(name) for name in names}) == 4


def titles(tags):
    whole = Layout.FromString(layout(tags).value[0].tensor.string_val[0])
    return [chart.title for category in whole.category for chart in category.chart]


def test_the_layout_of_bands_has_the_categories_of_the_groups():
    names = ["gap_loss", "penalty", "learning_rate", "steps_per_second", "val_auc", "loss"]
    whole = Layout.FromString(band_layout(names).value[0].tensor.string_val[0])
    # TensorBoard shows them in reverse.
    assert {c.title: [chart.title for chart in c.chart][::-1] for c in whole.category} == {
        "Generalization": ["loss", "val_auc", "gap_loss"],
        "Penalties": ["penalty", "learning_rate"],
    }
    assert [category.title for category in whole.category] == ["Generalization", "Penalties"]
    series = whole.category[1].chart[1].margin.series[0]
    assert [series.value, series.lower, series.upper] == [
        *("penalty/mean", "penalty/low", "penalty/high")
    ]


def test_the_layout_has_only_charts_with_values():
    assert titles(["loss/total"]) == ["Loss with penalty"]
    assert titles(["loss/total", "loss/data", "metrics/accuracy", "sparsity/a", "speed/x"]) == [
        "Data loss, and the penalty above it",
        "Data loss",
        "Loss with penalty",
        "Metrics",
        "Fraction of zeros",
    ]
    assert titles(["penalty/total", "weights/norm/a"]) == ["Penalty", "Norms of weights"]
    assert titles([]) == []


def test_events_are_appended_and_the_last_value_of_a_step_counts(tmp_path):
    file = EventFile(tmp_path / "train")
    file.add(0, scalars({"a": 1.0}))
    file.add(0, scalars({"a": 2.0, "b": 3.0}))
    EventFile(tmp_path / "train").add(1, scalars({"a": 4.0}))
    assert read_scalars(tmp_path / "train") == {"a": {0: 2.0, 1: 4.0}, "b": {0: 3.0}}
    assert runs_of(tmp_path) == [tmp_path / "train"]


@pytest.mark.parametrize("value", [2.5, 0, float("nan"), np.float32(1e-30)])
def test_the_summary_of_a_number_is_that_of_tensorboard(value):
    ours, theirs = scalars({"loss/total": value}), scalar_pb("loss/total", value)
    assert ours.SerializeToString() == theirs.SerializeToString()


def test_the_histogram_of_a_diverged_weight():
    kept = histogram("w", np.array([np.nan, 1.0, 2.0, np.inf]))
    assert histogram("w", np.array([1.0, 2.0])) == kept
    histogram("w", np.array([np.nan]))


def test_plot_run_needs_the_logs_of_one_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere': the directory does not exist"):
        plot_run(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="contains no TensorBoard logs"):
        plot_run(tmp_path)
    EventFile(tmp_path / "a" / "train").add(0, scalars({"other": 1.0}))
    with pytest.raises(ValueError, match="it has no losses or metrics"):
        plot_run(tmp_path)
    EventFile(tmp_path / "b" / "train").add(0, scalars({"other": 1.0}))
    with pytest.raises(ValueError, match=r"must contain exactly one run. Received: a, b"):
        plot_run(tmp_path)


def test_plot_run_draws_the_penalty_as_a_band_and_has_no_empty_chart(tmp_path):
    for run in ("train", "validation"):
        file = EventFile(tmp_path / run)
        for step in range(3):
            file.add(step, scalars({"loss/data": 1.0, "loss/total": 1.5}))
    figure = plot_run(tmp_path)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["Loss", "Penalty"]  # the penalty is the difference of the losses
    (band, _) = figure.axes[0].collections
    assert band.get_paths()[0].get_extents().bounds == (0.0, 1.0, 2.0, 0.5)
    assert [line.get_ydata().tolist() for line in figure.axes[1].lines] == [[0.5] * 3] * 2


def test_plot_run_draws_the_largest_of_many_layers(tmp_path):
    values = {f"penalty/{size}": float(size) for size in range(20)}
    EventFile(tmp_path / "train").add(0, scalars(values))
    (axes,) = plot_run(tmp_path).axes
    assert axes.get_title() == "Penalty (largest 8 of 20)"
    assert [line.get_label() for line in axes.lines] == [str(size) for size in range(19, 11, -1)]


def test_the_card_names_penalties_and_rates():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dropout(0.25, name="drop"),
            keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.5), name="head"),
        ],
        name="small",
    )
    model.compile(keras.optimizers.AdamW(weight_decay=0.01), "mse")
    text = card(model, {"Regularization": "l2|dropout"})
    assert text.startswith("# small\n\n**Regularization:** l2\\|dropout\n\n**Parameters:** 10\n")
    assert "| drop | Dropout | (None, 4) | 0 | rate 0.25 |" in text
    assert "| head | Dense | (None, 2) | 10 | kernel: L2 l2 0.5 |" in text
    assert "**Optimizer:** AdamW, weight decay 0.01" in text
    assert "**Loss:** mse" in text
