"""Every task, with data of every form, goes all the way: trained, tuned, checked and served."""

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import requests
import tensorflow_datasets as tfds
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from occam import exports, tuning, zoo

from .exports.serving.conftest import serving

SAMPLES = 90
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(SAMPLES, 3)).astype("float32")
TARGETS = {
    "classification": np.where(X[:, 0] > 0, "yes", "no"),
    "multilabel": (X[:, :2] > 0).astype("int64"),
    "regression": (100 + 10 * X[:, 0] + RANDOM.normal(size=SAMPLES)).astype("float32"),
}
COLUMNS = {"classification": "sold", "multilabel": ["red", "blue"], "regression": "price"}
SERVED = {"classification": "label", "multilabel": "labels", "regression": "values"}
PICTURES = {"classification": "confusion", "multilabel": "f1", "regression": "residuals"}


class SmallTask(tfds.core.GeneratorBasedBuilder):
    """A configuration for each task."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=task) for task in TARGETS]  # noqa: RUF012

    def _info(self):
        target = {
            "classification": tfds.features.ClassLabel(names=["no", "yes"]),
            "multilabel": tfds.features.Tensor(shape=(2,), dtype=np.int64),
            "regression": tfds.features.Scalar(np.float32),
        }[self.builder_config.name]
        features = {"x": tfds.features.Tensor(shape=(3,), dtype=np.float32), "y": target}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("x", "y")
        )

    def _split_generators(self, _):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i, y in enumerate(TARGETS[self.builder_config.name]):
            yield i, {"x": X[i], "y": y}


def table(task):
    """Return a table with a category and missing values."""
    frame = pd.DataFrame(X[:, :2], columns=["rooms", "area"])
    frame["town"] = np.where(X[:, 2] > 0, "Rome", "Oslo")
    frame.loc[::7, "town"] = None
    frame.loc[::5, "area"] = np.nan
    targets = pd.DataFrame(TARGETS[task])
    targets.columns = np.ravel(COLUMNS[task])
    return frame.join(targets)


def of_arrays(task, directory):
    return zoo.load_data((X, TARGETS[task]))


def of_dataframe(task, directory):
    return zoo.load_data(table(task), target=COLUMNS[task])


def of_csv(task, directory):
    table(task).to_csv(directory / "data.csv", index=False)
    return zoo.load_data(directory / "data.csv", target=COLUMNS[task])


def of_npz(task, directory):
    np.savez(directory / "data.npz", x=X, y=TARGETS[task])
    return zoo.load_data(directory / "data.npz")


def of_tfds(task, directory):
    return zoo.load_data(f"small_task/{task}", data_dir=directory)


def of_folder(task, directory):
    assert task == "classification"  # a folder has a class for each image
    for i, name in enumerate(TARGETS[task]):
        path = directory / "images" / name / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = RANDOM.integers(0, 128, (4, 4, 3)) + 100 * (name == "yes")
        Image.fromarray(pixels.astype("uint8")).save(path)
    return zoo.load_data(directory / "images", image_size=(4, 4))


SOURCES = (of_arrays, of_dataframe, of_csv, of_npz, of_tfds)
CELLS = [(task, source) for task in TARGETS for source in SOURCES]


@pytest.mark.parametrize(("task", "load"), [*CELLS, ("classification", of_folder)])
def test_every_task_goes_from_the_data_to_a_served_answer(task, load, tmp_path):
    data = load(task, tmp_path)
    assert data.task.kind == task
    model = zoo.create_model("mlp", data=data, regularization="light", units=(8,), seed=0)

    run = zoo.train(model, data, epochs=3, log_dir=tmp_path / "run", verbose=0)
    assert np.isfinite([*run.result["validation"].values()]).all()

    events = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "validation")).Reload()
    assert any(f"predictions/{PICTURES[task]}" in tag for tag in events.Tags()["tensors"])

    assert not zoo.lint(model)

    x = next(iter(data.validation))[0].numpy()
    outputs = model.predict(x, verbose=0)
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=0.1, dropout=0.1))
    np.testing.assert_array_equal(regularized.predict(x, verbose=0), outputs)
    assert regularized.losses
    assert not zoo.strip(regularized).losses

    found = tuning.tune(
        "mlp",
        data,
        space=["l2"],
        max_trials=1,
        racing=tuning.Racing(seeds=1),
        epochs=1,
        directory=tmp_path / "trials",
        verbose=0,
        units=(8,),
    )
    assert np.isfinite(found.candidates[0].loss)

    run.export(tmp_path / "exports")
    rows = next(iter(data.raw("validation")))[0]
    rows = {name: value.numpy() for name, value in rows.items()} if data.columns else rows.numpy()
    predictor = exports.load(tmp_path / "exports")
    answer = predictor.predict(rows)
    if task == "regression":
        np.testing.assert_allclose(answer["values"], outputs, rtol=1e-5)
    else:
        probabilities = {"classification": keras.ops.softmax, "multilabel": keras.ops.sigmoid}
        expected = np.asarray(keras.ops.convert_to_numpy(probabilities[task](outputs)))
        np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-4, atol=1e-6)

    with serving(tmp_path / "exports", blessed=True) as server:
        body = {"instances": instances(rows)}
        response = requests.post(f"{server.url}:predict", json=body, timeout=60)
    assert response.status_code == 200, response.text
    served = response.json()["predictions"]
    if task == "regression":
        np.testing.assert_allclose(served, outputs, rtol=1e-4)
    else:
        assert [row[SERVED[task]] for row in served] == answer[SERVED[task]].tolist()


def instances(rows):
    """Return rows as JSON values, a missing number as null."""
    if not isinstance(rows, dict):
        return rows.tolist()
    frame = pd.DataFrame({name: values.tolist() for name, values in rows.items()})
    return json.loads(frame.to_json(orient="records"))


@pytest.mark.parametrize("task", ["multilabel", "regression"])
def test_a_folder_of_images_has_classes_only(task, tmp_path):
    data = of_folder("classification", tmp_path)
    assert data.task.kind == "classification"
    with pytest.raises(ValueError, match="'classification' or None for a directory of images"):
        zoo.load_data(Path(tmp_path, "images"), image_size=(4, 4), task=task)
