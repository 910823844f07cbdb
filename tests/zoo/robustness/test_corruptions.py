"""The common corruptions of tables, series and images."""

import itertools

import keras
import numpy as np
import pytest

from occam.zoo.robustness import corrupt, corruption_accuracy, list_corruptions

from .conftest import linear_model

SHAPES = {"tables": (40, 12), "series": (40, 30, 2), "images": (40, 16, 16, 3)}
RANDOM_ONLY = ("smoothing", "blur", "contrast", "brightness")
CASES = [(data, kind) for data, s in SHAPES.items() for kind in list_corruptions(len(s))]


@pytest.fixture(scope="module")
def samples():
    """By kind of data, samples with a mean of 0 and a standard deviation of 1."""
    generator = np.random.default_rng(0)
    return {data: generator.normal(size=shape) for data, shape in SHAPES.items()}


def test_each_rank_has_the_corruptions_that_suit_it():
    assert list_corruptions(2) == ("noise", "impulse", "missing", "offset", "scale")
    series = ("noise", "impulse", "missing", "scale", "smoothing", "drift", "shift")
    assert list_corruptions(3) == series
    images = ("noise", "impulse", "shift", "blur", "contrast", "brightness", "occlusion")
    assert list_corruptions(4) == images


@pytest.mark.parametrize(("data", "kind"), CASES)
def test_a_higher_severity_changes_the_samples_more(samples, data, kind):
    x = samples[data]
    changes = [np.abs(corrupt(x, kind, severity) - x).mean() for severity in range(1, 6)]
    if kind == "shift":  # white noise that is shifted is as different as can be
        assert min(changes) > 0.5
    else:
        assert changes == sorted(set(changes))
        assert changes[0] > 0


@pytest.mark.parametrize(("data", "kind"), CASES)
def test_the_seed_decides_and_the_samples_are_not_changed(samples, data, kind):
    x = samples[data].copy()
    found, again, other = (corrupt(x, kind, 3, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(x, samples[data])
    np.testing.assert_array_equal(found, again)
    assert found.dtype == np.float32
    assert found.shape == x.shape
    assert np.array_equal(found, other) == (kind in RANDOM_ONLY)


@pytest.mark.parametrize(("data", "kind"), CASES)
def test_bounds_hold(samples, data, kind):
    found = corrupt(samples[data], kind, 5, bounds=(-0.5, 0.75))
    assert found.min() >= -0.5
    assert found.max() <= 0.75


def test_noise_has_the_stated_deviation_and_impulses_the_stated_share():
    x = np.zeros((1000, 40))
    noise = corrupt(x, "noise", 3)
    np.testing.assert_allclose(noise.std(), 0.6, rtol=5 / np.sqrt(2 * x.size))  # 5 standard errors
    impulse = corrupt(x, "impulse", 3)
    assert set(np.unique(impulse)) == {-3.0, 0.0, 3.0}
    for value in (-3, 3):
        np.testing.assert_allclose((impulse == value).mean(), 0.05, atol=5 * 0.22 / 200)
    np.testing.assert_allclose((corrupt(x + 1, "missing", 3) == 0).mean(), 0.2, atol=5 * 0.4 / 200)


def test_missing_values_of_a_severity_are_missing_at_the_next_one():
    masks = [corrupt(np.ones((50, 20)), "missing", severity) == 0 for severity in range(1, 6)]
    for fewer, more in itertools.pairwise(masks):
        assert (more | ~fewer).all()


def test_the_offset_of_a_column_is_the_same_for_all_samples(samples):
    change = corrupt(samples["tables"], "offset", 5) - samples["tables"]
    np.testing.assert_allclose(np.abs(change), 1.0, atol=1e-5)
    assert (np.sign(change) == np.sign(change[0])).all()


def test_scale_multiplies_or_divides_each_channel(samples):
    ratio = corrupt(samples["series"], "scale", 5) / samples["series"]
    first = np.broadcast_to(ratio[:, :1], ratio.shape)
    np.testing.assert_allclose(ratio, first, rtol=1e-4)
    assert set(np.round(ratio[:, 0].ravel(), 3)) == {0.5, 2.0}


def test_a_series_is_shifted_by_whole_steps_and_filled_from_the_border():
    x = np.arange(20.0).reshape(1, 20, 1) * np.ones((30, 1, 2))
    found = corrupt(x, "shift", 2)[..., 0]  # 10% of 20 steps
    right, left = np.clip(np.arange(20) - 2, 0, 19), np.clip(np.arange(20) + 2, 0, 19)
    assert {tuple(row) for row in found} == {tuple(right), tuple(left)}


def test_an_image_is_shifted_along_both_axes():
    x = np.arange(64.0).reshape(1, 8, 8, 1)
    found = corrupt(np.repeat(x, 40, axis=0), "shift", 1)[..., 0]  # by one pixel
    centers = {int(image[4, 4]) for image in found}
    assert centers == {36 + down + right for down in (-8, 8) for right in (-1, 1)}


def test_a_missing_interval_and_an_occluded_square_have_the_stated_size():
    series = corrupt(np.ones((20, 50, 2)), "missing", 5) == 0
    assert (series.sum(axis=1) == 20).all()  # 40% of 50
    starts = series[..., 0].argmax(axis=1)
    assert all(row[start : start + 20].all() for row, start in zip(series, starts, strict=True))
    assert len(set(starts)) > 5
    images = corrupt(np.ones((20, 20, 20, 3)), "occlusion", 5) == 0
    assert (images.any(axis=2).sum(axis=1) == 13).all()  # 20 sqrt(0.4), rounded
    assert (images.sum(axis=(1, 2)) == 13 * 13).all()


def test_blur_keeps_the_mean_of_an_image_and_lowers_its_variance(samples):
    x = np.pad(samples["images"], ((0, 0), (16, 16), (16, 16), (0, 0)))
    found = corrupt(x, "blur", 4)
    np.testing.assert_allclose(found.sum(axis=(1, 2)), x.sum(axis=(1, 2)), atol=1e-2)
    assert found.std() < 0.4 * x.std()


def test_contrast_keeps_the_mean_and_scales_the_deviation(samples):
    found, x = corrupt(samples["images"], "contrast", 2), samples["images"]
    np.testing.assert_allclose(found.mean(axis=(1, 2)), x.mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(found.std(axis=(1, 2)), 0.5 * x.std(axis=(1, 2)), rtol=1e-4)


def test_drift_starts_at_zero_and_ends_at_the_strength(samples):
    change = corrupt(samples["series"], "drift", 5) - samples["series"]
    np.testing.assert_allclose(change[:, 0], 0, atol=1e-6)
    np.testing.assert_allclose(np.abs(change[:, -1]), 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"x": np.ones(3)}, "`x` must be an array of rank 2 .tables., 3 .series. or 4"),
        ({"x": [[np.nan]]}, "`x` must be finite numbers"),
        ({"kind": "fog"}, "`kind` must be one of 'noise', 'impulse', 'missing', 'offset'"),
        ({"kind": "blur"}, "`kind` must be one of"),
        ({"severity": 6}, "`severity` must be an integer from 1 to 5"),
        ({"seed": None}, "`seed` must be an integer >= 0"),
        ({"bounds": (2, 1)}, "`bounds` must be"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(changes, match):
    with pytest.raises(ValueError, match=match):
        corrupt(**{"x": np.ones((2, 3)), "kind": "noise", "severity": 1, **changes})


def test_the_table_has_a_row_for_each_kind_and_the_means(mlp):
    found = corruption_accuracy(mlp.model, mlp.x, mlp.y, severities=(1, 3, 5))
    assert found.kinds == list_corruptions(2)
    assert found.accuracies.shape == (5, 3)
    assert found.mean < found.clean
    np.testing.assert_allclose(found.mean, np.mean([*found.by_kind.values()]))
    noisy = mlp.model.predict(corrupt(mlp.x, "noise", 5), verbose=0).argmax(axis=1) == mlp.y
    assert found.accuracies[0, 2] == noisy.mean()
    lines = [line.split() for line in str(found).splitlines()]
    assert lines[0] == ["clean", f"{found.clean:.3f}", "1", "3", "5", "mean"]
    assert [line[0] for line in lines[1:]] == [*found.kinds, "mean"]
    assert lines[-1][-1] == f"{found.mean:.3f}"


def test_one_kind_may_be_given_by_its_name(mlp):
    one = corruption_accuracy(mlp.model, mlp.x, mlp.y, kinds="noise", severities=[2])
    assert one.kinds == ("noise",)


def test_probabilities_give_the_same_accuracy_as_logits(image_model):
    with_softmax = keras.Sequential([image_model.model, keras.layers.Softmax()])
    given = {"kinds": ["contrast"], "severities": [4]}
    results = [
        corruption_accuracy(model, image_model.x, image_model.y, **given)
        for model in (image_model.model, with_softmax)
    ]
    assert results[0].mean == results[1].mean


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"kinds": ["fog"]}, "`kinds` must be one of"),
        ({"kinds": "fog"}, "`kinds` must be one of .* kinds='fog'"),
        ({"kinds": []}, "`kinds` must be at least one"),
        ({"severities": [0]}, "`severities` must be an integer from 1 to 5"),
        ({"severities": []}, "`severities` must be at least one"),
        ({"y": [0.0, 1.0]}, "`y` must be integer class ids"),
        ({"y": [0, 2]}, "`y` must be class ids from 0 to 1"),
        ({"model": linear_model([[1.0]], [0.0])}, "at least 2 classes"),
    ],
)
def test_an_argument_of_the_accuracy_that_does_not_fit_is_named(changes, match):
    arguments = {"model": linear_model([[1.0, 2.0]], [0.0, 0.0]), "x": [[1.0], [2.0]], "y": [0, 1]}
    with pytest.raises(ValueError, match=match):
        corruption_accuracy(**{**arguments, **changes})
