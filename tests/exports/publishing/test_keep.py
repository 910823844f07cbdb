import os

import pytest

from occam import exports


def left(directory):
    return sorted(name for name in os.listdir(directory) if not name.endswith(".json"))


def test_the_oldest_go_but_those_with_a_label_and_the_way_back(directory):
    for version in (1, 2):
        exports.promote(directory, version, label="stable")
    assert exports.prune(directory, 1) == [3]
    assert left(directory) == ["1", "2", "4"]
    assert exports.rollback(directory) == 1
    assert exports.prune(directory, 1) == [2]
    assert left(directory) == ["1", "4"]


def test_the_newest_stays(directory):
    assert exports.prune(directory, 3) == [1]
    assert exports.prune(directory, 1) == [2, 3]
    assert left(directory) == ["4"]


@pytest.mark.parametrize("keep", [0, -1, 1.5, True])
def test_keep_is_a_positive_integer(directory, keep):
    with pytest.raises(ValueError, match=f"keep must be an integer >= 1. Received: keep={keep}"):
        exports.prune(directory, keep)


def test_export_keeps_as_many_as_it_is_told(directory, small_model):
    assert exports.export(small_model, directory, keep=2).version == 5
    assert left(directory) == ["4", "5"]
    with pytest.raises(ValueError, match="keep must be an integer >= 1"):
        exports.export(small_model, directory, keep=0)
