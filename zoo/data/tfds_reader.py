"""Reader of TensorFlow Datasets: finds a builder, prepares it, and reads its examples."""

import difflib
import io
import math
import sys
import textwrap
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.utils.py_utils import temporary_assignment

from ..tasks import Classification, DataError, Task, recognize
from .embedded import EMBEDDED, register_builder
from .embedded.builder import EmbeddedBuilder
from .packaged import COLLECTIONS
from .source import Source, data_errors
from .split import ArraySplit, Split, StreamSplit, in_memory_if_it_fits
from .text import fit_text

_RETRIES = 1  # of a download; the 10 of TFDS take 204 s to report that there is no network
_SHUFFLE_BYTES = 2**29  # of decoded examples; the buffer holds encoded ones, which are smaller
_HIDDEN = -1  # the label of test examples whose class is secret

Builder = tfds.core.DatasetBuilder


def read_dataset(
    name: str,
    *,
    data_dir: Path | None = None,
    image_size: tuple[int, int] | None = None,
    download: bool = True,
    task: Task | str | None = None,
) -> Source:
    """Read the split `train`, and the split `test` if its labels are public.

    The arguments are those of `load_data`. Class labels are a classification, and the task of other
    targets, a number or a vector of numbers, is recognized, unless it is told.

    Raises:
        DataError: If the data set is unknown, cannot be prepared, or has no supervised keys of one
            feature (images or numbers of one shape, or a text) and one target.
    """
    builder = _find_builder(name, data_dir)
    origin = f"{builder.info.full_name} in {builder.data_dir}"
    _find_columns(builder, image_size, origin)  # before a useless download of gigabytes
    builder = _prepare(builder, name, download)
    with data_errors(origin):
        columns = _find_columns(builder, image_size, origin)
        if "train" not in (splits := builder.info.splits):
            raise DataError(f"{origin}: a split train is needed. Received: {[*splits]}")
        targets = _targets(builder, "train", columns)
        found = task is None and columns.task is None
        if task is None or (columns.task is not None and task == columns.task.kind):
            task = columns.task
        if not isinstance(task, Task):
            task = recognize(targets, f"{origin}: {columns.target}", task=task)
        train, test = _split(builder, "train", columns, task.encode(targets, origin)), None
        if "test" in splits:
            targets = _targets(builder, "test", columns)
            if not (targets.dtype.kind in "iu" and (targets == _HIDDEN).all()):
                targets = task.encode(targets, f"{origin}: test")
                test = _split(builder, "test", columns, targets)
        fit = fit_text if columns.is_text else None
        return Source(origin, task, train, test, preprocessing=fit, task_found=found)


def is_dataset(name: str) -> bool:
    """Return whether `name[/config][:version]` is embedded or in TensorFlow Datasets."""
    return _base(name) in _names()


# Find and prepare a builder


def _find_builder(name: str, data_dir: Path | None) -> Builder:
    if not is_dataset(name):
        near = difflib.get_close_matches(_base(name).lower(), sorted(_names()), n=3)
        if "/" in name:  # a misspelled collection
            near = difflib.get_close_matches(_base(name).lower(), COLLECTIONS, n=1)
            near = [f"{collection}/{name.partition('/')[2]}" for collection in near]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise DataError(
            f"{name!r} is neither an embedded data set ({', '.join(EMBEDDED)}), nor one of "
            "TensorFlow Datasets, nor a directory, nor an .npz file, nor in a collection that a "
            f"package ships ({', '.join(COLLECTIONS)}).{hint}"
        )
    if _base(name) in EMBEDDED:
        register_builder(_base(name))
    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:
        cause = _in_one_line(error)
        raise DataError(f"{name}: no such configuration or version: {cause}") from error


def _base(name: str) -> str:
    """Return `name` without configuration and version."""
    return name.split("/")[0].split(":")[0]


def _names() -> set[str]:
    return {*EMBEDDED, *tfds.list_builders(with_community_datasets=False)}


def _prepare(builder: Builder, name: str, download: bool) -> Builder:
    """Prepare the data set on disk, unless it is there, and return its builder.

    Embedded data sets are made even without `download`. A killed process only leaves a directory
    `incomplete.*`.
    """
    if not (download or builder.name in EMBEDDED or builder.data_path.exists()):
        raise _unprepared(builder, name, "download is False")
    try:
        _download_and_prepare(builder)
    except Exception as error:
        # Another process may have prepared it meanwhile: the first to finish wins.
        if builder.data_path.exists():
            return _find_builder(name, Path(builder.data_dir_root))
        cause = _in_one_line(error)
        if isinstance(error, requests.ConnectionError) and error.request is not None:
            cause = f"no connection to {urlsplit(error.request.url).hostname}"
        raise _unprepared(builder, name, cause) from error
    return builder


def _unprepared(builder: Builder, name: str, cause: str) -> DataError:
    directory = Path(builder.data_dir_root)
    return DataError(
        f"{name}: the data set is not in {directory} and cannot be prepared here: {cause}. On a "
        f"machine with network run `tfds build {name} --data_dir DIR`, then copy "
        f"DIR/{builder.name} to {directory / builder.name}."
    )


def _download_and_prepare(builder: Builder) -> None:
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    fewer_retries = temporary_assignment(downloader, "MAX_RETRIES", _RETRIES)
    # TFDS announces its work on stdout, with twenty progress bars for an embedded data set.
    output = io.StringIO() if builder.name in EMBEDDED else sys.stderr
    with fewer_retries, redirect_stdout(output), redirect_stderr(output):
        builder.download_and_prepare(download_config=config)


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return textwrap.shorten(f"{type(error).__name__}: {text}", 400)


# Find the feature and the label


@dataclass(frozen=True)
class _Columns:
    feature: str
    target: str
    input_shape: tuple[int, ...]
    decode: Callable[[tf.Tensor], tf.Tensor]  # from a feature as stored to `input_shape`
    task: Task | None  # None if it follows from the targets
    is_text: bool


def _find_columns(builder: Builder, image_size: tuple[int, int] | None, origin: str) -> _Columns:
    """Return the supervised keys: one feature of a fixed shape, and one target."""
    keys = builder.info.supervised_keys
    if keys is None or len(keys) != 2 or not all(isinstance(key, str) for key in keys):
        raise DataError(
            f"{origin}: expected supervised keys of one feature and one label. Received: {keys}."
        )
    features: Any = builder.info.features
    feature, target = features[keys[0]], features[keys[1]]
    is_text = isinstance(feature, tfds.features.Text)
    numeric = isinstance(feature, tfds.features.Image | tfds.features.Tensor) and not is_text
    if not is_text and not (numeric and np.issubdtype(feature.np_dtype, np.number)):
        raise DataError(
            f"{origin}: {keys[0]}: expected an image, a tensor of numbers or a text. "
            f"Received: {feature}."
        )
    fixed = isinstance(target, tfds.features.Tensor) and len(target.shape) <= 1
    number = fixed and (np.issubdtype(target.np_dtype, np.number) or target.np_dtype == np.bool_)
    if not number or None in target.shape:
        raise DataError(
            f"{origin}: {keys[1]}: expected a number, or a vector of numbers, as the target of "
            f"each example. Received: {target}."
        )
    task = None
    if isinstance(builder, EmbeddedBuilder):
        task = builder.task()
    elif isinstance(target, tfds.features.ClassLabel):
        task = Classification(tuple(target.names), tuple(range(len(target.names))))
    if is_text and image_size is not None:
        raise DataError(f"{origin}: {keys[0]}: image_size is for images. Received: a text.")
    return _Columns(
        str(keys[0]),
        str(keys[1]),
        () if is_text else _input_shape(feature.shape, image_size, f"{origin}: {keys[0]}"),
        _decoder(feature, image_size),
        task,
        is_text,
    )


def _input_shape(
    shape: tuple[int | None, ...], image_size: tuple[int, int] | None, field: str
) -> tuple[int, ...]:
    if not 1 <= len(shape) <= 3:
        raise DataError(f"{field}: expected examples of rank 1 to 3. Received: shape {shape}.")
    if image_size is not None:
        if len(shape) != 3:
            raise DataError(f"{field}: image_size is for images. Received: shape {shape}.")
        shape = (*image_size, shape[-1])
    if None in shape:
        raise DataError(
            f"{field}: expected examples of one shape. Received: {shape}. Images of several sizes "
            "need image_size=(height, width)."
        )
    return tuple(int(side) for side in shape if side is not None)


def _decoder(feature: Any, image_size: tuple[int, int] | None) -> Callable[[tf.Tensor], tf.Tensor]:
    if image_size is None:
        return feature.decode_example

    def resized(stored):
        image = feature.decode_example(stored)
        pixels = tf.image.resize(image, image_size, antialias=True)
        if image.dtype.is_floating:
            return pixels
        return tf.saturate_cast(tf.round(pixels), image.dtype)

    return resized


# Read the examples


def _stored(builder: Builder, split: str, columns: _Columns) -> tf.data.Dataset:
    """Return the examples of `split` in a fixed order, with the feature not decoded."""
    return builder.as_dataset(
        split=split,  # pyright: ignore[reportCallIssue]
        decoders={columns.feature: tfds.decode.SkipDecoding()},
        shuffle_files=False,
        read_config=tfds.ReadConfig(try_autocache=False),
    )


def _targets(builder: Builder, split: str, columns: _Columns) -> np.ndarray:
    targets = _stored(builder, split, columns).map(lambda example: example[columns.target])
    return np.concatenate(list(targets.batch(4096).as_numpy_iterator()))


def _split(builder: Builder, split: str, columns: _Columns, targets: np.ndarray) -> Split:
    stored = _stored(builder, split, columns).map(lambda example: example[columns.feature])
    if columns.is_text:
        raw: Any = stored.map(columns.decode).as_numpy_iterator()
        texts = [text.decode() for text in raw]
        return ArraySplit(np.array(texts, object), targets)
    limit = _SHUFFLE_BYTES // (4 * math.prod(columns.input_shape))
    buffer = max(1, min(len(targets), limit))
    stream = StreamSplit(stored, targets, columns.input_shape, columns.decode, buffer)
    return in_memory_if_it_fits(stream)
