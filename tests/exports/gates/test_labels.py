import dataclasses

from occam.exports.gates import labels


def test_the_right_names_pass(good):
    assert labels.check(good).passed
    assert labels.check(dataclasses.replace(good, class_names=("ant", "bee", "cat"))).passed


def test_swapped_class_names_are_found(good):
    result = labels.check(dataclasses.replace(good, class_names=("bee", "ant", "cat")))
    assert not result.passed
    assert result.detail == (
        "Expected the labels ['bee', 'ant', 'cat']. Received: ['ant', 'bee', 'cat']"
    )


def test_labels_that_say_something_else_than_the_class_names_are_found(write, module):
    swapped = write(lambda m, x: module.answer(m, x, names=("bee", "ant", "cat")))
    assert "Expected the labels ['" in labels.check(swapped).detail
