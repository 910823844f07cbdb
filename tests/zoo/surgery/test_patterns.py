import keras
import pytest

from occam.zoo.surgery.parts import Part
from occam.zoo.surgery.rules import check_pattern, matches_layer, matches_part, matches_slot

DENSE = keras.layers.Dense(2, name="fc1")


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("fc1", True),
        ("fc*", True),
        ("FC1", False),
        ("top", False),
        ("top/fc1", True),
        ("top/*", True),
        ("*/fc1", True),
        ("fc1/*", False),
        ("other/*", True),
        (keras.layers.Dense, True),
        (keras.layers.Layer, True),
        (keras.layers.Conv1D, False),
    ],
)
def test_layers(pattern, expected):
    assert matches_layer(pattern, DENSE, ("top/fc1", "other/fc1")) is expected


def test_a_layer_at_the_top_is_all_that_is_in_it():
    assert matches_layer("fc1/*", DENSE, ("fc1",))


def test_what_lies_around():
    top = keras.Sequential(name="top")
    part = Part(DENSE, ("top/fc1",), {}, DENSE, (), ((top, ("top",)),))
    assert matches_part("top", part)
    assert matches_part(keras.Sequential, part)
    assert not matches_part("bottom", part)


def test_weights():
    part = Part(DENSE, ("top/fc1",), {}, DENSE)
    assert matches_slot("top/fc1/kernel", part, "kernel")
    assert matches_slot("*/kernel", part, "kernel")
    assert not matches_slot("*/kernel", part, "bias")
    assert not matches_slot(keras.layers.Dense, part, "kernel")


def test_no_pattern():
    with pytest.raises(TypeError, match=r"`skip` must have patterns .* Received: 1"):
        check_pattern("skip", 1)
