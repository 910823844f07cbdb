from occam.exports.gates import state


def test_what_changes_nothing_passes(good):
    result = state.check(good)
    assert result.passed
    assert result.figures == {"variables": 1}


def test_a_counter_is_found(write, module):
    def answer(m, x):
        return module.answer(m, x * 0 + m.counter.assign_add(1.0))

    result = state.check(write(answer))
    assert not result.passed
    assert "Expected variables that requests do not change. Received: " in result.detail
