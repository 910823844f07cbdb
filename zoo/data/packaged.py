"""Public data sets that installed packages ship, by name: `ucr/GunPoint`, `sklearn/wine`."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from ..tasks import DataError, Task
from .arrays import Parts, source_of_arrays
from .source import Source

PACKAGES = {"ucr": "aeon", "sklearn": "sklearn"}
_SKLEARN_REGRESSIONS = ("diabetes", "linnerud")
_SKLEARN = ("breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine")


def is_packaged(source: str) -> bool:
    """Return whether a source is `collection/name` of a collection that a package ships."""
    collection, slash, _ = source.partition("/")
    return bool(slash) and collection in PACKAGES


def read_packaged(source: str, *, task: Task | str | None = None) -> Source:
    """Read a data set that an installed package ships; nothing is downloaded.

    - `ucr/NAME`: series `(steps, channels)` of the UCR, UEA and TSER archives, with the training
      and test part of the archive; shipped by aeon. Missing values become the series' mean.
    - `sklearn/NAME`: a table of scikit-learn, without a test part.

    Args:
        source: The collection and the name.
        task: As in `load_data`.

    Raises:
        DataError: If the package is not installed, does not ship the data set, or the series have
            different lengths.
    """
    collection, _, name = source.partition("/")
    package = PACKAGES[collection]
    if importlib.util.find_spec(package) is None:
        raise DataError(
            f"{source}: is shipped by the package {package}, which is not installed. "
            f"pip install 'keras-occam[{collection}]'"
        )
    kind, parts = (_read_ucr if collection == "ucr" else _read_sklearn)(source, name)
    return source_of_arrays(source, parts, task=task or kind)


def _read_ucr(source: str, name: str) -> tuple[str, Parts]:
    datasets: Any = importlib.import_module("aeon.datasets")
    folder = Path(datasets.__file__).parent / "data"
    shipped = sorted(f.parent.name for f in folder.glob("*/*_TEST.ts") if f.parent.name in f.name)
    _check_shipped(source, name, shipped, "aeon.datasets.load_classification")
    file = folder / name / f"{name}_TRAIN.ts"
    is_regression = "@targetlabel true" in file.read_text(encoding="utf-8").lower()
    load = datasets.load_regression if is_regression else datasets.load_classification
    parts = {part: _series(source, *load(name, split=part)) for part in ("train", "test")}
    return "regression" if is_regression else "classification", parts


def _series(source: str, x: Any, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return series `(n, steps, channels)` of aeon's `(n, channels, steps)`."""
    if isinstance(x, list):
        lengths = sorted({series.shape[-1] for series in x})
        raise DataError(
            f"{source}: the series have different lengths ({lengths[0]} to {lengths[-1]}). Pad "
            "them, and pass the arrays."
        )
    x = np.moveaxis(x, 1, 2)
    missing = np.isnan(x)
    means = np.nanmean(np.where(missing.all(axis=1, keepdims=True), 0, x), axis=1, keepdims=True)
    return np.where(missing, means, x).astype("float32"), y


def _read_sklearn(source: str, name: str) -> tuple[str, Parts]:
    _check_shipped(source, name, _SKLEARN, "sklearn.datasets")
    datasets: Any = importlib.import_module("sklearn.datasets")
    found = getattr(datasets, f"load_{name}")()
    x = found.images[..., None] if name == "digits" else found.data
    if name in _SKLEARN_REGRESSIONS:
        return "regression", {"train": (x, found.target)}
    return "classification", {"train": (x, np.asarray(found.target_names)[found.target])}


def _check_shipped(source: str, name: str, shipped: Any, others: str) -> None:
    if name not in shipped:
        raise DataError(
            f"{source}: is not shipped; the names are {', '.join(shipped)}. Load others with "
            f"{others}, and pass the arrays."
        )
