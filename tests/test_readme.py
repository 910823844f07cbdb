"""The commands in the README exist, and its examples print what it says."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from occam import callbacks, exports, zoo
from occam.zoo.training import budget

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_modules_that_are_to_be_run_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([\w./]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target


def test_regularizing_a_model_that_exists(capsys):
    """The comment behind each `print` is what it prints."""
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "MobileNetV2" in c)
    names: dict = {}
    exec("import keras\nfrom occam import zoo\nkeras.utils.set_random_seed(0)\n" + code, names)
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    assert printed[0] == promised[0]
    assert printed[2] == promised[2]
    count, penalty = printed[1].split()
    assert count == promised[1].split()[0]
    assert 0.4 < float(penalty) < 0.6  # initial weights are random


def test_the_export_of_the_example(tmp_path, monkeypatch, capsys):
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "promote" in c)
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(60, 8, 8, 1)).astype("float32")
    layers = [keras.layers.Flatten(), keras.layers.Dropout(0.1), keras.layers.Dense(3)]
    model = keras.Sequential([keras.Input((8, 8, 1), name="image"), *layers])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    right = model.predict(x, verbose=0).argmax(axis=1)
    y = np.where(np.arange(60) % 3 == 0, (right + 1) % 3, right)  # neither all right nor by chance
    monkeypatch.chdir(tmp_path)
    exec(code, {"model": model, "exports": exports, "x_val": x, "y_val": y})
    assert capsys.readouterr().out.endswith("(60, 3)\n")
    assert exports.labels("exports/digits") == {"stable": 1}


def test_the_evaluation_of_the_example(tmp_path, monkeypatch, capsys):
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "auto_attack" in c)
    data = zoo.load_data("digits")
    model = zoo.create_model("mlp", data=data, regularization="medium", units=(16,), seed=0)
    monkeypatch.chdir(tmp_path)
    run = zoo.train(model, data, steps=100, log_dir="runs/mlp", verbose=0, seed=0)
    exec(code, {"zoo": zoo, "run": run, "data": data})
    printed = capsys.readouterr().out
    assert "judged on the test part" in printed
    assert "square" in printed
    assert "occlusion" in printed
    assert (tmp_path / "runs/mlp/evaluation/evaluation.md").exists()


def test_the_callbacks_of_the_example_work_together(tmp_path, monkeypatch):
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "LossLedger" in c)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype("float32")
    y = (x[:, 0] > 0).astype("int32")
    model = keras.Sequential(
        [keras.Input((5,)), keras.layers.Dense(4, kernel_regularizer="l2"), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    monkeypatch.chdir(tmp_path)
    names = {"model": model, "callbacks": callbacks, "x": x, "y": y, "x_val": x, "y_val": y}
    exec(code.replace("epochs=30", "epochs=2, verbose=0"), names)
    logs = names["history"].history
    assert {"data_loss", "penalty", "gap_loss", "sparsity", "val_data_loss"} <= set(logs)
    assert list(tmp_path.rglob("events.out.tfevents*"))


def test_data_of_any_form(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    code = next(c for c in blocks if "houses.csv" in c and "group:town" in c)
    monkeypatch.chdir(tmp_path)
    houses = ["rooms,area,town,price"]
    houses += [f"{n % 7},{40 + n},{'ABCDE'[n % 5]},{100 + 2.5 * n}" for n in range(100)]
    Path("houses.csv").write_text("\n".join(houses))
    exec(code, {"zoo": zoo})
    assert capsys.readouterr().out == "regression multilabel classification\n"


def test_a_model_of_ones_own(tmp_path, monkeypatch):
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "runs/own" in c)
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(60, 4))
    names = {"x": x, "y": x[:, 0], "x_val": x[:20], "y_val": x[:20, 0]}
    code = code.replace("epochs=20", "epochs=2, verbose=0")
    exec("import keras\nfrom occam import zoo\n" + code, names)
    assert names["run"].result["validation"]["mae"] > 0


def test_the_two_choices_that_take_longer(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    code = next(c for c in blocks if 'regularization="auto"' in c)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(budget, "MIN_STEPS", 30)
    monkeypatch.setattr(budget, "MIN_PASSES", 1)
    names = {"zoo": zoo, "data": zoo.load_data("sklearn/iris")}
    exec(code.replace("cv:5x2", "cv:2").replace("steps=300", "steps=30, verbose=0"), names)
    assert names["model"].blueprint.regularization in [
        zoo.preset("mlp", tier, data=names["data"]) for tier in zoo.models.TIERS
    ]
    assert "by cv:2; refit on all rows" in capsys.readouterr().out


def test_a_keras_tuner_script(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    code = next(c for c in blocks if "PenaltySpace" in c)
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(60, 5))
    y = (x[:, 0] > 0).astype("int32")
    code = code.replace("max_trials=10", "max_trials=2").replace("epochs=20", "epochs=1, verbose=0")
    names = {"x": x, "y": y, "x_val": x, "y_val": y}
    exec("import keras\nfrom occam import tuning, zoo\n" + code, names)
    assert capsys.readouterr().out.split()[:5] == ["score", "score_error", "units", "l2", "dropout"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Importances of 2 trials:UserWarning")
def test_the_search_of_a_keras_model(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    script, code = (next(c for c in blocks if n in c) for n in ("PenaltySpace", "penalty_path"))
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(60, 5)).astype("float32")
    names = {"x": x, "y": (x[:, 0] > 0).astype("int32")}
    names |= {"x_val": x, "y_val": names["y"]}
    build = script.partition("# was:")[0]
    code = code.replace("max_trials=40", "max_trials=2").replace('"epochs": 20', '"epochs": 1')
    code = code.replace("resources=two", "resources=two, racing=tuning.Racing(1), verbose=0")
    code = code.replace('"l1",', '"l1", [0.1],')
    imports = "import keras\nimport keras_tuner\nfrom occam import tuning, zoo\n"
    exec(imports + build + code, names)
    assert len(names["found"].candidates) == 2
    assert (tmp_path / "race" / "pictures" / "importances.png").exists()
    assert (tmp_path / "path.png").exists()
