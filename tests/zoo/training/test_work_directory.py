import pytest

from occam.zoo.training.work_directory import WorkDirectory


def test_only_the_values_that_differ_are_named(tmp_path):
    directory = WorkDirectory(tmp_path, job="search", arguments=("data",), contents=())
    config = {"data": {"name": "digits", "arguments": {"seed": 0, "split": None}}}
    directory.open(config, resume=True)
    directory.open(config, resume=True)
    other = {"data": {"name": "digits", "arguments": {"seed": 1, "split": None}}}
    with pytest.raises(ValueError, match=r"other arguments \(data arguments seed 0, now 1\)\. Cho"):
        directory.open(other, resume=True)
