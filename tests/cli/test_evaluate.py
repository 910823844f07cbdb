import json
import shutil

import numpy as np
import pytest

from occam import zoo

X = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")


@pytest.fixture(scope="module")
def run(data_dir, tmp_path_factory):
    """A short run on `breast_cancer`."""
    data = zoo.load_data("breast_cancer", data_dir=data_dir)
    model = zoo.create_model(
        "mlp", data=data, regularization=zoo.Regularization(dropout=0.1), seed=0, units=(8,)
    )
    directory = tmp_path_factory.mktemp("runs") / "run"
    return zoo.train(model, data, epochs=3, refit=False, log_dir=directory, verbose=0), data


def test_a_run_is_judged_on_its_data_and_the_evaluation_written_beside_it(inside, run):
    trained, data = run
    done = inside("evaluate", trained.directory, "--bootstrap", 20, "--samples", 2)
    assert done.returncode == 0, done.stderr
    directory = trained.directory / "evaluation"
    values = json.loads((directory / "evaluation.json").read_text())
    expected = zoo.evaluate(trained, data, bootstrap=20, samples=2)
    assert values == json.loads(json.dumps(expected.to_dict()))
    assert done.stdout.startswith(str(expected))
    for name in ("evaluation.md", "reliability.png", "risk_coverage.png"):
        assert (directory / name).exists()
        assert name in done.stdout


def test_flags_become_arguments(inside, run, tmp_path):
    trained, data = run
    width = data.input_shape[0]
    np.savez(tmp_path / "far.npz", x=np.random.default_rng(0).normal(size=(9, width)))
    flags = ("--part", "validation", "--coverage", 0.8, "--bootstrap", 0, "--outliers", "far.npz")
    far = ("--attack", 100)  # fools the model at once
    done = inside("evaluate", trained.directory, "--directory", "judged", *flags, *far)
    assert done.returncode == 0, done.stderr
    values = json.loads((tmp_path / "judged" / "evaluation.json").read_text())
    assert values["part"] == "validation"
    assert values["rows"]["outliers"] == 9
    assert values["robustness"]["epsilon"] == 100
    assert values["scores"]["test"]["accuracy"]["low"] is None


def test_failures_are_one_line(inside, run, tmp_path):
    trained, _ = run
    np.savez(tmp_path / "other.npz", z=np.zeros(3))
    done = inside("evaluate", trained.directory, "--outliers", "other.npz")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "occam: other.npz must hold an array x. Received: z\n"
    done = inside("evaluate", "nowhere")
    assert done.returncode == 1
    assert "holds no finished run" in done.stderr


def test_data_in_memory_cannot_be_read_again(inside, run, tmp_path):
    trained, _ = run
    shutil.copytree(trained.directory, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    config["data"]["arguments"] = dict(zoo.load_data((X, X[:, 0] > 0)).arguments)
    (tmp_path / "run" / "config.json").write_text(json.dumps(config))
    done = inside("evaluate", "run")
    assert done.returncode == 1
    assert "data in memory" in done.stderr
    assert "Call occam.zoo.evaluate in Python." in done.stderr
