import pytest

from occam.callbacks.stopping import Improvement


@pytest.mark.parametrize(
    ("min_delta", "value", "best", "mode", "expected"),
    [
        (0, 1.0, None, "min", True),
        (0, 0.9, 1.0, "min", True),
        (0, 1.0, 1.0, "min", False),
        (0, 1.1, 1.0, "max", True),
        (0.25, 0.75, 1.0, "min", False),  # not by more than the delta
        (0.25, 0.5, 1.0, "min", True),
        (-0.25, 0.75, 1.0, "min", False),  # as in Keras the sign does not matter
        (0.25, 1.5, 1.0, "max", True),
        ("10%", 91.0, 100.0, "min", False),
        ("10%", 89.0, 100.0, "min", True),
        ("10%", 0.0091, 0.01, "min", False),  # where a fixed delta would be too much or too little
        ("10%", 0.0089, 0.01, "min", True),
        ("10%", 0.54, 0.5, "max", False),
        ("10%", 0.56, 0.5, "max", True),
        ("10%", -105.0, -100.0, "min", False),  # negative losses: 10% of their size
        ("10%", -111.0, -100.0, "min", True),
    ],
)
def test_what_is_better_by_enough(min_delta, value, best, mode, expected):
    assert Improvement(min_delta)(value, best, mode) == expected


@pytest.mark.parametrize("min_delta", ["1", "one%", "%", float("nan"), float("inf"), None])
def test_anything_else_is_refused(min_delta):
    with pytest.raises(ValueError, match="min_delta must be a number, or a percentage like '1%'"):
        Improvement(min_delta)
