"""Runs of the results table: a data set, what is trained on it, and a seed.

The test part is used for the figures of the table only. Nothing is chosen by it.
"""

import json
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import scipy.special
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from occam import tuning, zoo
from occam.zoo.evaluation.calibration import calibration_figures

from ..records import Record
from ..suite.sets import FIVE, RECIPES, Recipe

RESULTS = Path(__file__).parent / "results.jsonl"
TUNED = Path(__file__).parent / "tuned.json"

MODEL = "mlp"
SERIES = ("mnist1d", *FIVE)
DATA = ("mnist1d", "digits", "breast_cancer", "diabetes", *FIVE)
TIERS = {"none": "none", "cocktail": "medium", **dict.fromkeys(RECIPES, "medium")}
ALONE = ("l2", "weight_decay", "dropout", "augmentation", "mixup", "label_smoothing")
EPSILON = 0.1  # of the attack, in standard deviations of the data
ATTACKED = 100  # test rows
ATTACK = {"steps": 50, "queries": 1000}
TRIALS, FOLDS = 12, 3
PARTS = ("train", "test")
PAPER_STEPS = 6000


class Job(NamedTuple):
    """A data set, a method, a baseline or a recipe of a paper, and a seed."""

    data: str
    method: str
    seed: int


def methods(data: str) -> list[str]:
    """Return what is trained on a data set, in the order of the table."""
    regression = data == "diabetes"
    alone = [name for name in ALONE if not (regression and name == "label_smoothing")]
    papers = [*PAPERS] if data == "mnist1d" else []
    recipes = [*RECIPES] if data in FIVE else []
    return [*papers, *baselines(data), "none", *alone, "cocktail", "tuned", *recipes]


def train(job: Job) -> Record:
    """Train and evaluate, and return the figures of a row of the table."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(job.seed)
    if job.method in PAPERS:
        return _train_paper(job)
    recipe = RECIPES.get(job.method, Recipe(MODEL, {}, {}))
    data = zoo.load_data(job.data, seed=job.seed, **recipe.data)
    if job.method in baselines(job.data):
        return _fit_baseline(job, data)
    began = time.perf_counter()
    regularization = regularization_of(job.data, job.method)
    model = zoo.create_model(
        recipe.model, data=data, regularization=regularization, seed=job.seed, **recipe.options
    )
    zoo.train(model, data, verbose=0, seed=job.seed)
    seconds = time.perf_counter() - began
    found = zoo.evaluate(model, data, bootstrap=0)
    metric = data.task.scores_up[0]
    calibration = found.calibration and found.calibration.error.value
    attacked = calibration is not None and not recipe.data  # features are not attacked
    return {
        "metric": metric,
        **{part: found.scores[part][metric].value for part in ("train", "test")},
        "calibration_error": calibration,
        "robust": _robust_accuracy(model, data) if attacked else None,
        "seconds": seconds,
    }


def regularization_of(data: str, method: str) -> zoo.Regularization | str:
    """Return the regularization of a method: alone, it has the middle of its search range."""
    if method == "tuned":
        return zoo.Regularization(**json.loads(TUNED.read_text())[data]["regularization"])
    if method in TIERS:
        return TIERS[method]
    return zoo.Regularization(**{method: zoo.Regularization.fields()[method].middle})


def tune(data: str, directory: Path, workers: int) -> None:
    """Search the regularization of a data set on its first seed, and keep the choice."""
    choices = json.loads(TUNED.read_text()) if TUNED.exists() else {}
    if data in choices:
        return
    began = time.perf_counter()
    found = tuning.tune(
        MODEL,
        zoo.load_data(data, seed=0),
        directory=directory / data.replace("/", "-"),
        folds=FOLDS if data in FIVE else None,
        max_trials=TRIALS,
        racing=tuning.Racing(finalists=3, seeds=2),
        resources=tuning.Resources(workers=workers),
    )
    on = {name: getattr(found.regularization, name) for name in found.regularization.on()}
    choices[data] = {"regularization": on, "seconds": round(time.perf_counter() - began)}
    TUNED.write_text(json.dumps(choices, indent=2) + "\n")


def _robust_accuracy(model: keras.Model, data: zoo.Data) -> float:
    batches = [batch[:2] for batch in data.test.as_numpy_iterator()]
    x, y = (np.concatenate(each)[:ATTACKED] for each in zip(*batches, strict=True))
    with warnings.catch_warnings():  # with few classes, some attacks are not defined
        warnings.simplefilter("ignore", UserWarning)
        return zoo.robustness.auto_attack(model, x, y, EPSILON, **ATTACK).accuracies["square"]


def _linear_classifier(seed: int) -> Any:
    model = LogisticRegression(max_iter=1000, random_state=seed)
    return GridSearchCV(model, {"C": np.logspace(-4, 2, 7)}, cv=3)


_CLASSIFIERS: Mapping[str, Callable[[int], Any]] = {
    "logistic regression": _linear_classifier,
    "random forest": lambda seed: RandomForestClassifier(500, random_state=seed),
    "gradient boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
}
_OF_SERIES: Mapping[str, Callable[[int], Any]] = {
    "1-nearest neighbour": lambda seed: KNeighborsClassifier(1),
    **{name: _CLASSIFIERS[name] for name in ("logistic regression", "random forest")},
}
_REGRESSORS: Mapping[str, Callable[[int], Any]] = {
    "ridge regression": lambda seed: RidgeCV(np.logspace(-3, 3, 13)),
    "random forest": lambda seed: RandomForestRegressor(500, random_state=seed),
    "gradient boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
}


def baselines(data: str) -> Mapping[str, Callable[[int], Any]]:
    """Return the baselines of scikit-learn for a data set, by name."""
    if data == "diabetes":
        return _REGRESSORS
    return _OF_SERIES if data in SERIES else _CLASSIFIERS


def _fit_baseline(job: Job, data: zoo.Data) -> Record:
    (x, y), (x_test, y_test) = (_rows(data.without_validation(), part) for part in PARTS)
    began = time.perf_counter()
    model = make_pipeline(StandardScaler(), baselines(job.data)[job.method](job.seed)).fit(x, y)
    seconds = time.perf_counter() - began
    calibration = None
    if hasattr(model, "predict_proba"):
        p = model.predict_proba(x_test)
        right = model.classes_[p.argmax(axis=1)] == y_test
        calibration = calibration_figures(p.max(axis=1), right)["error"]
    return {
        "metric": data.task.scores_up[0],
        "train": float(model.score(x, y)),
        "test": float(model.score(x_test, y_test)),
        "calibration_error": calibration,
        "robust": None,
        "seconds": seconds,
    }


def _rows(data: zoo.Data, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the raw features of a part, flattened, and its targets."""
    batches = [batch[:2] for batch in data.raw(part).as_numpy_iterator()]
    x, y = (np.concatenate(each) for each in zip(*batches, strict=True))
    return x.reshape(len(x), -1), y.ravel()


def _paper_mlp() -> keras.Model:
    inputs = keras.Input((40,))
    x = keras.layers.Dense(100, "relu")(inputs)
    x = keras.layers.Add()([x, keras.layers.Dense(100, "relu")(x)])
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def _paper_cnn() -> keras.Model:
    x = inputs = keras.Input((40,))
    x = keras.layers.Reshape((40, 1))(x)
    for kernel_size in (5, 3, 3):
        x = keras.layers.ZeroPadding1D(1)(x)
        x = keras.layers.Conv1D(25, kernel_size, strides=2, activation="relu")(x)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))


PAPERS = {"the paper's MLP": _paper_mlp, "the paper's CNN": _paper_cnn}


def _train_paper(job: Job) -> Record:
    """Train a model of Greydanus & Kobak (2020) as in their notebook, on all training rows.

    Adam with a learning rate of 0.01, 6,000 batches of 100 rows, no regularization. The weights
    after the last step count.
    """
    data = zoo.load_data("mnist1d", standardize=False).without_validation()
    (x, y), (x_test, y_test) = (_rows(data, part) for part in PARTS)
    model = PAPERS[job.method]()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    began = time.perf_counter()
    model.fit(x, y, batch_size=100, epochs=PAPER_STEPS * 100 // len(x), verbose=0)
    seconds = time.perf_counter() - began
    p = scipy.special.softmax(model.predict(x_test, verbose=0), axis=1)
    right = p.argmax(axis=1) == y_test
    return {
        "metric": "accuracy",
        "train": model.evaluate(x, y, verbose=0, return_dict=True)["accuracy"],
        "test": float(right.mean()),
        "calibration_error": calibration_figures(p.max(axis=1), right)["error"],
        "robust": None,
        "seconds": seconds,
    }
