import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.zoo.data import DataError
from occam.zoo.data.hold_out import development_and_test, hold_out, hold_out_indices
from occam.zoo.data.source import Source
from occam.zoo.data.split import ArraySplit


def arrays(counts):
    labels = np.repeat(np.arange(len(counts), dtype="int32"), counts)
    return ArraySplit(np.arange(len(labels))[:, None], labels)


def source(counts):
    return Source("here", tuple("abcdefgh"[: len(counts)]), arrays(counts))


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
    assert np.abs(np.bincount(held_out.labels) - fraction * np.array(counts)).max() < 2
    again = hold_out(arrays(counts), fraction, seed, source(counts))[1]
    np.testing.assert_array_equal(again.features, held_out.features)


def test_the_choice_does_not_change_from_release_to_release():
    indices = hold_out_indices(np.arange(30) % 3, 0.3, seed=5)
    assert indices.tolist() == [*(1, 5, 9), *(14, 18, 20), *(22, 24, 28)]


def test_a_missing_test_part_is_a_fixed_fifth():
    everything = source([50, 50])
    development, test = development_and_test(everything)
    assert (development.size, test.size) == (80, 20)
    np.testing.assert_array_equal(np.bincount(test.labels), [10, 10])


@pytest.mark.parametrize(
    ("counts", "fraction", "message"),
    [
        ([9, 1], 0.5, "here: a class needs at least 2 samples. Received: 1 of 'b'"),
        ([2, 2], 0.1, "2 classes. Received: 4 samples, of which a fraction of 0.1 gives 3 and 1"),
        ([90, 2], 0.95, "here: no sample of class 'b' is left for training. Received: 2, of which"),
    ],
)
def test_too_few_samples(counts, fraction, message):
    with pytest.raises(DataError, match=re.escape(message)):
        hold_out(arrays(counts), fraction, 0, source(counts))
