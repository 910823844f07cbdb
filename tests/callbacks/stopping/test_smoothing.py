import re
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from occam.callbacks.stopping import make_smoothing

VALUES = [4.0, 2.0, 3.0, 9.0, 1.0, 1.0]


def smoothed(smooth, values):
    smoothing = make_smoothing(smooth)
    return [smoothing.push(value) for value in values]


def test_exponential_average_by_hand():
    # 0.3 * 2 + 0.7 * 4 = 3.4, 0.3 * 3 + 0.7 * 3.4 = 3.28
    assert smoothed("ema:0.3", VALUES[:3]) == pytest.approx([4.0, 3.4, 3.28])


def test_median_by_hand():
    assert smoothed("median:3", VALUES) == [4.0, 3.0, 3.0, 3.0, 3.0, 1.0]


@pytest.mark.parametrize("smooth", [None, "ema:1", "median:1"])
def test_values_as_they_are(smooth):
    assert smoothed(smooth, VALUES) == VALUES


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.integers(1, 9))
def test_median_is_that_of_the_last_values(values, n):
    assert smoothed(f"median:{n}", values)[-1] == statistics.median(values[-n:])


@pytest.mark.parametrize("smooth", ["ema:0.3", "median:3"])
def test_a_peek_changes_nothing(smooth):
    smoothing = make_smoothing(smooth)
    smoothing.push(4.0)
    assert smoothing.peek(2.0) == smoothing.peek(2.0) == smoothing.push(2.0)


@pytest.mark.parametrize(
    "smooth",
    ["ema", "ema:0", "ema:1.5", "ema:nan", "ema:x", "median:0", "median:2.5", "mean:3", ""],
)
def test_any_other_text_is_refused(smooth):
    with pytest.raises(ValueError, match=re.escape(f"Received: smooth={smooth!r}")):
        make_smoothing(smooth)
