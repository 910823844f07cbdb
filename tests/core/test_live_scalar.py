"""`LiveScalar` outside of layers: an optional value, and a hook after changes."""

import pytest

from occam.core.live_scalar import LiveScalar


class Penalty:
    changes = 0

    def _count(self):
        self.changes += 1

    strength = LiveScalar(optional=True, on_change=_count)

    def __init__(self, strength):
        self.strength = strength


def test_none_has_no_variable_and_stays():
    penalty = Penalty(None)
    assert penalty.strength is None
    assert not hasattr(penalty, "_strength")
    penalty.strength = None
    with pytest.raises(ValueError, match=r"given at the start.* Received: strength=0\.1"):
        penalty.strength = 0.1
    assert penalty.changes == 0


def test_a_number_cannot_become_none():
    penalty = Penalty(0.1)
    with pytest.raises(ValueError, match=r"a number in \[0, inf\)\. Received: strength=None"):
        penalty.strength = None
    assert penalty.strength == 0.1


def test_on_change_is_called_after_a_change_only():
    penalty = Penalty(0.1)
    penalty.strength = 0.1
    assert penalty.changes == 0
    penalty.strength = 0.2
    assert penalty.changes == 1
    assert float(penalty._strength) == pytest.approx(0.2)
