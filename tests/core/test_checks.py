import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from occam.core import checks


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_integers_pass(value):
    checks.check_integer("n", value, 1, 7)


@pytest.mark.parametrize("value", [0, 8, True, 2.0, "2", None, math.nan, [1]])
def test_what_is_no_integer_of_the_range_is_refused(value):
    with pytest.raises(ValueError, match=r"^`n` must be an integer from 1 to 7. Received: n="):
        checks.check_integer("n", value, 1, 7)


def test_the_range_of_an_integer_is_in_the_message():
    with pytest.raises(ValueError, match=r"must be an integer >= 1 or None\. Received: n=0$"):
        checks.check_integer("n", 0, minimum=1, optional=True)
    with pytest.raises(ValueError, match=r"must be an integer <= 1\."):
        checks.check_integer("n", 2, maximum=1)
    with pytest.raises(ValueError, match=r"must be an integer\."):
        checks.check_integer("n", 1.5)
    checks.check_integer("n", None, minimum=1, optional=True)


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (
            "[0, 1)",
            [0, 0.5, np.float32(0.1), Fraction(1, 3)],
            [1, -0.1, math.nan, False, "0", None],
        ),
        ("(0, 1]", [1, 1e-30], [0, 1.001]),
        ("(0, inf)", [1e300], [math.inf, 0]),
        ("[-1, inf]", [math.inf, -1], [-2, math.nan]),
    ],
)
def test_numbers_are_checked_against_an_interval(interval, inside, outside):
    for value in inside:
        checks.check_number("x", value, interval)
    for value in outside:
        with pytest.raises(ValueError, match=r"^`x` must be a number in .*\. Received: x="):
            checks.check_number("x", value, interval)
    checks.check_number("x", None, interval, optional=True)


def test_a_choice_is_of_the_same_type():
    checks.check_one_of("x", 1, (0, 1))
    for value in (True, 1.0, "1", 2, np.zeros(2)):
        with pytest.raises(ValueError, match=r"^`x` must be one of 0, 1\. Received: x="):
            checks.check_one_of("x", value, (0, 1))


def test_paths_bools_and_types():
    for good in ("a", Path("a"), None):
        checks.check_path("p", good, optional=True)
    with pytest.raises(TypeError, match=r"^`p` must be a path. Received: p=3"):
        checks.check_path("p", 3)
    checks.check_bool("b", False)
    checks.check_bool("b", None, optional=True)
    with pytest.raises(TypeError, match=r"^`b` must be True or False. Received: b=1"):
        checks.check_bool("b", 1)
    with pytest.raises(TypeError, match=r"^`x` must be a pair. Received: x=array\("):
        checks.check_type("x", np.zeros((2, 2)), tuple, "a pair")
