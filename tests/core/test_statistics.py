import math

import pytest

from occam.core.statistics import standard_error


def test_standard_error():
    assert standard_error([1.0, 2.0, 3.0]) == pytest.approx(1 / math.sqrt(3))
    assert standard_error([5.0]) == 0
