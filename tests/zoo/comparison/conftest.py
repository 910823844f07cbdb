import copy
import json

import pytest

from occam import zoo
from occam.zoo.training import Run
from occam.zoo.training.prepare import prepare
from occam.zoo.training.run import RunDirectory


@pytest.fixture(scope="session")
def config():
    """The record of a small training, as `zoo.train` writes it."""
    data = zoo.load_data("sklearn/iris")
    model = zoo.create_model(
        "mlp", data=data, regularization=zoo.Regularization(), seed=0, units=(8,)
    )
    length = {"epochs": 3, "steps": None, "learning_rate": None, "seed": 0}
    options = {"patience": None, "train_eval": 0.2, "callbacks": None, "verbose": 0}
    _, config = prepare(model, data, regularization=None, **length, **options)
    config["training"] |= {"validation_by": "part", "refit": False, "rerun": True}
    return json.loads(json.dumps(config))


@pytest.fixture
def write_run(config, tmp_path):
    """Write the directory of a run with given seed, score and changes of its configuration."""

    def write(
        name, *, seed=0, accuracy=0.5, changes=None, history=None, finished=True, **strengths
    ):
        ours = copy.deepcopy(config)
        ours["model"]["seed"] = ours["training"]["seed"] = seed
        ours["regularization"] |= strengths
        ours["model"]["regularization"] |= strengths
        for path, value in (changes or {}).items():
            *parts, last = path.split(".")
            place = ours
            for part in parts:
                place = place[part]
            place[last] = value
        files = RunDirectory(tmp_path / name)
        files.open(ours, resume=True)
        if not finished:
            return files.path
        part = {"accuracy": accuracy, "data_loss": 1 - accuracy, "loss": 2.0, "log_loss": 0.5}
        result = {
            "train": {**part, "accuracy": 1.0, "data_loss": 0.0},
            "validation": {**part, "data_loss_error": 0.1},
            "test": {**part, "calibration_error": 0.1},
            "weight_penalty": 0.0,
            "gap": {"data_loss": 1 - accuracy, "accuracy": 1 - accuracy},
            "epochs": 3,
            "best_epoch": 3,
            "stopped_early": False,
            "verdict": None,
            "validation_by": "part",
            "refit": False,
            "reruns": [],
            "seconds": 1.5,
        }
        losses = {"val_data_loss": [1.0, 0.5, 0.25], "val_accuracy": [0.1, 0.2, accuracy]}
        files.write_history(history or losses | {"gap_loss": [0.0, 0.1, 0.2]})
        files.write_json(files.result, result)
        return files.path

    return write


@pytest.fixture
def write_group(write_run):
    """Write runs with the seeds 0, 1, ... and given accuracies; return them."""

    def write(name, accuracies, **arguments):
        return [
            Run.load(write_run(f"{name}-{seed}", seed=seed, accuracy=accuracy, **arguments))
            for seed, accuracy in enumerate(accuracies)
        ]

    return write
