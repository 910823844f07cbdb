import keras
import keras_tuner
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.image import imread

from occam import tuning
from occam.tuning import pictures

NAMES = ["history", "importances", "learning_curves", "parallel_coordinates", "slices"]


def build(hp):
    layers = [keras.layers.Flatten()]
    if hp.Boolean("wide"):
        with hp.conditional_scope("wide", [True]):
            layers.append(keras.layers.Dense(hp.Int("units", 8, 16, step=8)))
    hp.Fixed("constant", 3)
    layers.append(keras.layers.Activation(hp.Choice("act", ["relu", "tanh"])))
    return keras.Sequential([keras.Input((8, 8, 1)), *layers, keras.layers.Dense(10)])


@pytest.fixture(scope="module")
def searched(digits, tmp_path_factory):
    """A search whose runs are not trained: the loss of a trial is its number, or nan."""
    losses = iter([2.0, float("nan"), *range(3, 12)])
    directory = tmp_path_factory.mktemp("pictures") / "search"
    with pytest.MonkeyPatch.context() as patch:

        def fit(*args, **kwargs):
            loss = next(losses)
            others = {"val_data_loss": [1.0, 1.0], "val_accuracy": [0.5, 0.6]}
            return {"val_refined_loss": [4 * loss, loss], **others}

        patch.setattr("occam.zoo.training.engine.fit", fit)
        return tuning.tune(
            build,
            digits,
            space=["l2", "dropout"],
            max_trials=8,
            racing=tuning.Racing(finalists=2, seeds=1),
            epochs=2,
            directory=directory,
            verbose=0,
        )


def test_all_pictures_are_drawn_without_a_window(searched):
    with pytest.warns(UserWarning, match="Importances of 7 trials are mostly noise: search for"):
        paths = searched.plot()
    assert sorted(path.stem for path in paths) == NAMES
    assert all(path.parent == searched.directory / "pictures" for path in paths)
    for path in paths:
        height, width, _ = imread(path).shape
        assert height > 200
        assert width > 600
    assert not plt.get_fignums()


def test_a_field_that_is_off_has_a_place_and_the_switches_have_no_axis(searched):
    trials = [each for each in searched.candidates if each.trial != 1]
    axes = {axis.name: axis for axis in pictures._axes(searched, trials)}
    assert list(axes) == ["l2", "dropout", "wide", "act", "units"]
    for trial, position in zip(trials, axes["l2"].positions, strict=True):
        assert (position < 0) == (trial.regularization.l2 == 0)
    for trial, position in zip(trials, axes["units"].positions, strict=True):
        assert (position < 0) == ("units" not in trial.hyperparameters)
    positions, labels = axes["l2"].ticks
    assert labels == ["off", "1e-06", "1e-05", "0.0001", "0.001", "0.01"]
    assert positions == sorted(positions)
    assert axes["act"].ticks[1] == ["relu", "tanh"]


def test_a_tier_beyond_the_range_of_the_search_is_just_outside_of_it():
    hp = keras_tuner.HyperParameters()
    hp.Float("l2", 1e-6, 1e-2, sampling="log")
    (parameter,) = hp.space
    positions = [pictures._position(parameter, value) for value in (1e-9, 1e-6, 1e-4, 1e-2, 3e-2)]
    assert positions == pytest.approx([-0.08, 0, 0.5, 1, 1.08])


def test_importances_of_many_trials_come_without_a_warning(searched):
    axis = pictures._axes(searched, list(searched.candidates))[0]
    repeated = np.tile(axis.positions, 4)
    other = pictures.Axis("other", np.ones(32), axis.ticks)
    axes = [pictures.Axis(axis.name, repeated, axis.ticks), other]
    figure = pictures._importances(axes, repeated)
    assert "from 32 trials" in figure.axes[0].get_xlabel()
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["other", "l2"]


def test_one_trial_has_no_importances(digits, tmp_path):
    arguments = {"max_trials": 1, "epochs": 1, "directory": tmp_path, "verbose": 0}
    found = tuning.tune("mlp", digits, units=(8,), **arguments)
    paths = found.plot(tmp_path / "elsewhere")
    assert sorted(path.stem for path in paths) == [name for name in NAMES if name != "importances"]
    with pytest.raises(TypeError, match="`directory` must be a path or None"):
        found.plot(3)
