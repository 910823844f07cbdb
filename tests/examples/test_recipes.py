"""Run each recipe for an epoch or two on the data that is available."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

RECIPES = Path(__file__).parents[2] / "examples" / "recipes"


@pytest.fixture
def run(monkeypatch, data_dir, capsys):
    """Return a function that runs a recipe and returns its output."""

    def run(recipe, *arguments):
        monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
        monkeypatch.setattr(sys, "argv", [recipe, *arguments])
        runpy.run_path(str(RECIPES / recipe), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_recipes_state_paper_command_cost_and_expected_figure():
    for recipe in RECIPES.glob("*.py"):
        docstring = recipe.read_text().split('"""')[1]
        for word in ("Paper:", "https://", "Command:", recipe.name, "Cost:", "Expected:"):
            assert word in docstring, (recipe.name, word)
        assert "EXPECTED" not in docstring


def test_mnist1d(run):
    assert "cnn1d: test accuracy 0." in run("mnist1d.py", "cnn1d", "--epochs", "1")


def test_breast_cancer(run):
    out = run("breast_cancer.py", "--folds", "2", "--epochs", "1")
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == ["tabular_resnet"] * 2
    assert "logistic regression" in out


@pytest.mark.slow
def test_digits(run):
    assert "seed 0: test accuracy 0." in run("digits.py", "--epochs", "1")


def test_finetune_series(run):
    out = run("finetune_series.py", "--epochs", "2")
    scratch, tuned = map(float, re.findall(r"test accuracy (.*)", out))
    assert tuned > scratch


@pytest.mark.slow
def test_cifar10_on_random_images(run, tmp_path, monkeypatch):
    builder = tfds.builder("cifar10", data_dir=tmp_path)
    template = tfds.core.ShardedFileTemplate(
        data_dir=builder.data_path, dataset_name=builder.name, filetype_suffix="tfrecord"
    )
    splits = [
        tfds.core.SplitInfo(name=name, shard_lengths=[200], num_bytes=1, filename_template=template)
        for name in ("train", "test")
    ]
    builder.info.set_splits(tfds.core.SplitDict(splits))
    builder.data_path.mkdir(parents=True)
    builder.info.write_to_directory(builder.data_path)
    with tfds.testing.mock_data(200, data_dir=str(tmp_path)):
        assert "test error " in run("cifar10_resnet110.py", "--epochs", "1", "--model", "resnet20")
