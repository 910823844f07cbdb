import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.zoo.data import DataError
from occam.zoo.data.hold_out import development_and_test, hold_out, hold_out_indices
from occam.zoo.data.source import Source
from occam.zoo.data.split import ArraySplit
from occam.zoo.tasks import Classification, Regression


def arrays(counts):
    labels = np.repeat(np.arange(len(counts), dtype="int32"), counts)
    return ArraySplit(np.arange(len(labels))[:, None], labels)


def source(counts):
    return Source("here", Classification(tuple("abcdefgh"[: len(counts)])), arrays(counts))


@given(
    counts=st.lists(st.integers(20, 60), min_size=2, max_size=6),
    fraction=st.floats(0.1, 0.5),
    seed=st.integers(0, 2**32 - 1),
)
def test_parts_are_disjoint_complete_stratified_and_repeatable(counts, fraction, seed):
    rest, held_out = hold_out(arrays(counts), fraction, seed, source(counts))
    rows = np.concatenate([rest.features, held_out.features])[:, 0]
    assert sorted(rows) == list(range(sum(counts)))
    assert held_out.size == int(np.ceil(fraction * sum(counts)))
    assert np.abs(np.bincount(held_out.targets) - fraction * np.array(counts)).max() < 2
    again = hold_out(arrays(counts), fraction, seed, source(counts))[1]
    np.testing.assert_array_equal(again.features, held_out.features)


def test_the_split_is_the_same_in_every_release():
    indices = hold_out_indices(30, 0.3, seed=5, strata=np.arange(30) % 3)
    assert indices.tolist() == [*(1, 5, 9), *(14, 18, 20), *(22, 24, 28)]


def test_a_missing_test_part_is_a_fixed_fifth():
    everything = source([50, 50])
    development, test = development_and_test(everything)
    assert (development.size, test.size) == (80, 20)
    np.testing.assert_array_equal(np.bincount(test.targets), [10, 10])


@pytest.mark.parametrize(
    ("counts", "fraction", "message"),
    [
        ([9, 1], 0.5, "here: a class needs at least 2 samples. Received: 1 of 'b'"),
        ([2, 2], 0.1, "2 classes. Received: 4 samples, of which a fraction of 0.1 gives 3 and 1"),
        ([90, 2], 0.95, "here: no sample of class 'b' is left for training. Received: 2, all of"),
    ],
)
def test_too_few_samples(counts, fraction, message):
    with pytest.raises(DataError, match=re.escape(message)):
        hold_out(arrays(counts), fraction, 0, source(counts))


def regression(size, **options):
    rows = ArraySplit(np.arange(size)[:, None], np.arange(size)[:, None] / 10, **options)
    return rows, Source("here", Regression(("y",)), rows)


def test_real_targets_are_split_at_random():
    rows, here = regression(30)
    rest, held_out = hold_out(rows, 0.3, 5, here)
    assert (rest.size, held_out.size) == (21, 9)
    indices = hold_out_indices(30, 0.3, seed=5)
    assert indices.tolist() == held_out.features[:, 0].tolist()
    assert indices.tolist() == [2, 10, 11, 13, 18, 23, 25, 26, 29]


@pytest.mark.parametrize("way", ["time", "group"])
def test_three_parts_need_three_groups(way):
    _, here = regression(100, keys=np.arange(100) % 2)
    message = "for training, validation and test. Received: 2."
    with pytest.raises(DataError, match=message):
        development_and_test(replace(here, hold_out_by=way))


@pytest.mark.parametrize("way", ["time", "group"])
def test_every_class_is_in_the_training_part(way):
    labels = np.repeat(np.arange(3, dtype="int32"), (50, 40, 10))
    rows = ArraySplit(np.arange(100)[:, None], labels, keys=labels)
    here = Source("here", Classification(("a", "b", "c")), rows, hold_out_by=way)
    with pytest.raises(DataError, match=r"no sample of class '[abc]' is left for training"):
        hold_out(rows, 0.3, 0, here)


def test_classes_that_may_be_quantities():
    found = replace(source([9, 1]), task_found=True)
    advice = "The targets were taken for classes; pass task='regression' if they are quantities."
    with pytest.raises(DataError, match=r"1 of 'b'\.$"):
        development_and_test(found)
    numbers = replace(found, task=Classification(("a", "b"), (100, 200)))
    with pytest.raises(DataError, match=rf"1 of 'b'\. {advice}$"):
        development_and_test(numbers)


def test_groups_stay_together():
    groups = np.arange(100) % 10
    rows, here = regression(100, keys=groups)
    for seed in range(5):
        rest, held_out = hold_out(rows, 0.2, seed, replace(here, hold_out_by="group"))
        assert set(rest.keys) | set(held_out.keys) == set(range(10))
        assert len(set(held_out.keys)) == 2
        assert not set(rest.keys) & set(held_out.keys)


def test_the_latest_are_held_out_and_equal_times_stay_together():
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(20.0), 5))
    rows, here = regression(100, keys=times)
    rest, held_out = hold_out(rows, 0.12, 0, replace(here, hold_out_by="time"))
    assert set(held_out.keys) == {17, 18, 19}  # 12 rows, and those of the same time as the 12th
    assert rest.keys.max() < held_out.keys.min()


@pytest.mark.parametrize(
    ("size", "options", "way", "message"),
    [
        (1, {}, "strata", "here: too few samples to split. Received: 1."),
        (5, {"keys": np.zeros(5)}, "group", "here: `split` needs at least 2 groups: one each"),
        (5, {"keys": np.zeros(5)}, "time", "`split` needs at least 2 different times: one ea"),
        (
            9,
            {"keys": np.arange(9) // 8},
            "time",
            "more than 80% of the rows have the first time, 0.",
        ),
    ],
)
def test_what_cannot_be_divided(size, options, way, message):
    rows, here = regression(size, **options)
    with pytest.raises(DataError, match=re.escape(message)):
        hold_out(rows, 0.2, 0, replace(here, hold_out_by=way))
