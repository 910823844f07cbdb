"""Learning curves over seeds: pictures, and what TensorBoard reads."""

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from occam import zoo
from occam.callbacks.tensorboard import read_scalars
from occam.zoo.comparison.curves import curves_of
from occam.zoo.comparison.groups import group_runs
from occam.zoo.training import Run


@pytest.fixture
def runs(write_run, write_group):
    """Two seeds of two lengths, and one regularized run."""
    history = {"loss": [2.0, 1.0, 0.5, 0.0], "val_data_loss": [4.0, 3.0, 2.0, 1.0]}
    history["f1"] = [np.array([0.5, 0.5])] * 4
    shorter = {name: values[:3] for name, values in history.items()}
    shorter["val_data_loss"] = [2.0, 3.0, 4.0]
    paths = [write_run("a", seed=0, history=history), write_run("b", seed=1, history=shorter)]
    return [*map(Run.load, paths), *write_group("c", [0.5], l2=0.1, history=history)]


def test_a_curve_is_the_mean_over_the_epochs_that_all_seeds_have(runs):
    curves = curves_of(group_runs(runs, "test")[0])
    assert [*curves] == ["loss", "val_data_loss"]  # an array for each epoch has no curve
    np.testing.assert_allclose(curves["val_data_loss"].mean, [3, 3, 3])
    np.testing.assert_allclose(curves["val_data_loss"].low, [2, 3, 2])  # sqrt(2) / sqrt(2)
    np.testing.assert_allclose(curves["val_data_loss"].high, [4, 3, 4])
    np.testing.assert_allclose(curves["loss"].low, curves["loss"].high)


@pytest.mark.parametrize("name", ["curves.png", "new/curves.svg"])
def test_the_picture_is_written(runs, tmp_path, name):
    path = zoo.compare(runs).plot(tmp_path / name)
    assert path == tmp_path / name
    if path.suffix == ".png":
        with Image.open(path) as image:
            assert np.asarray(image.convert("RGB")).std() > 10
    else:
        assert "<svg" in path.read_text()


def test_another_ending_and_runs_without_validation_are_refused(runs, write_run, tmp_path):
    with pytest.raises(ValueError, match=r"`path` must be a file named \*.png, \*.svg, \*.pdf"):
        zoo.compare(runs).plot(tmp_path / "curves.txt")
    run = Run.load(write_run("d", seed=5, history={"loss": [1.0]}))
    with pytest.raises(ValueError, match="have logged no validation figures"):
        zoo.compare(run).plot(tmp_path / "curves.png")


def test_tensorboard_reads_the_mean_and_its_band(runs, tmp_path):
    paths = zoo.compare(runs).write_tensorboard(tmp_path / "board")
    assert [path.name for path in paths] == ["0 none", "1 l2=0.1"]
    scalars = read_scalars(paths[0])
    assert scalars["val_data_loss/mean"] == {0: 3.0, 1: 3.0, 2: 3.0}
    assert scalars["val_data_loss/low"] == {0: 2.0, 1: 3.0, 2: 2.0}
    assert scalars["val_data_loss/high"] == {0: 4.0, 1: 3.0, 2: 4.0}
    assert len(read_scalars(paths[1])["loss/high"]) == 4


def test_tensorboard_has_a_margin_chart_of_each_value(runs, tmp_path):
    path, _ = zoo.compare(runs).write_tensorboard(tmp_path / "board")
    (event,) = EventAccumulator(str(path)).Reload().Tensors("custom_scalars__config__")
    (category,) = Layout.FromString(event.tensor_proto.string_val[0]).category
    assert category.title == "Generalization"
    assert [chart.title for chart in category.chart] == ["loss", "val_data_loss"]
    series = category.chart[1].margin.series[0]
    assert (series.value, series.lower, series.upper) == (
        "val_data_loss/mean",
        "val_data_loss/low",
        "val_data_loss/high",
    )
    assert {series.value, series.lower, series.upper} <= read_scalars(path).keys()


def test_tensorboard_logs_are_not_mixed_with_others(runs, tmp_path):
    comparison = zoo.compare(runs)
    comparison.write_tensorboard(tmp_path / "board")
    with pytest.raises(ValueError, match="`directory` must be a new directory, or one without"):
        comparison.write_tensorboard(tmp_path / "board")


def test_a_name_with_a_slash_is_one_directory(write_group, tmp_path):
    runs = write_group("a", [0.5]) + write_group(
        "b", [0.5], changes={"model.name": "applications/B0", "model.options": {}}
    )
    paths = zoo.compare(runs).write_tensorboard(tmp_path / "board")
    assert [path.name for path in paths] == ["0 model=mlp", "1 model=applications_B0"]
