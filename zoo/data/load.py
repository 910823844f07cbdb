"""`load_data`: from a name to data ready for training."""

import numbers
import os
from collections.abc import Sequence
from pathlib import Path

from ...core.checks import check_path, check_type
from .catalogue import is_dataset
from .data import Data
from .errors import DataError, data_errors
from .folder import read_folder
from .npz import read_npz
from .preprocessing import fit_standardization
from .source import Source
from .split import Split
from .splitting import development_and_test, hold_out
from .tfds_source import read_dataset

__all__ = ["load_data"]


def load_data(
    name: str | os.PathLike[str] = "mnist1d",
    *,
    batch_size: int = 100,
    seed: int = 0,
    data_dir: str | os.PathLike[str] | None = None,
    validation_fraction: float = 0.1,
    image_size: Sequence[int] | None = None,
    download: bool = True,
) -> Data:
    """Loads a data set, splits it, and standardizes it by its training part.

    The test part is the source's own, or else a stratified 20% that is the same for every seed.
    The validation part is the file's or directory's own, or else a stratified fraction of the rest.
    A split is the same in every process. Images that are too many to be held in memory are all
    read once, so that a broken one is found here and not after hours of training.

    Args:
        name: one of

            - an embedded data set, made on the spot: `mnist1d`, `digits`, `breast_cancer`;
            - a data set of TensorFlow Datasets, `name[/config][:version]`, that has images or
              features and one label;
            - a file `*.npz` with the arrays `x`, `y` (or `x_train`, `y_train`) and optionally
              `x_val`, `y_val` (or `_valid`, `_validation`) and `x_test`, `y_test`; images have
              rank 4 with their channels, `(samples, height, width, channels)`;
            - a directory with one folder of images (png, jpg, jpeg, bmp, gif, tif, tiff, webp) for
              each class, or with folders `train` and optionally `val` (or `valid`, `validation`)
              and `test` that hold one for each class. A directory that is called like a data set
              is written `./name`.
        batch_size: examples in a batch.
        seed: of the validation split and of the order of training.
        data_dir: where TensorFlow Datasets keeps its data; default `$TFDS_DATA_DIR`, or else
            `~/tensorflow_datasets`.
        validation_fraction: of the samples that are not for testing, in (0, 1); not used where the
            file or directory has a validation part.
        image_size: `(height, width)` in pixels to which images are resized.
        download: whether a data set of TensorFlow Datasets that is not in `data_dir` may be
            downloaded and prepared.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an argument out of its range.
        DataError: (a ValueError) data that is missing or cannot be used.

    Example:

    >>> data = load_data("breast_cancer")
    >>> data.class_names
    ('malignant', 'benign')
    >>> features, labels = next(iter(data.train))
    >>> features.shape, labels.shape
    (TensorShape([100, 30]), TensorShape([100]))
    """
    kinds = "a data set's name, a .npz file or a directory (a str or os.PathLike)"
    check_type("name", name, (str, os.PathLike), kinds)
    check_path("data_dir", data_dir, optional=True)
    check_type("download", download, bool, "True or False")
    _check_arguments(batch_size, seed, validation_fraction, image_size)
    if not isinstance(name, str):
        name = str(Path(name).absolute())
    size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
    with data_errors(name):
        source = _read(name, data_dir, size, download)
        train, test = development_and_test(source)
        validation = source.validation
        if validation is None:
            train, validation = hold_out(train, validation_fraction, seed, source)
        preprocessing = fit_standardization(train, source.origin)
        for split in (validation, test):
            _check_readable(split)
    return Data(
        arguments={
            "name": name,
            "batch_size": int(batch_size),
            "seed": int(seed),
            "data_dir": data_dir and os.fspath(data_dir),
            "validation_fraction": float(validation_fraction),
            "image_size": size and list(size),
        },
        origin=source.origin,
        class_names=source.class_names,
        preprocessing=preprocessing,
        raw_splits={"train": train, "validation": validation, "test": test},
        has_own_validation=source.validation is not None,
    )


def _read(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    image_size: tuple[int, int] | None,
    download: bool,
) -> Source:
    if not os.fspath(name):
        raise ValueError("name must be a data set, a .npz file or a directory. Received: ''")
    path = Path(name).expanduser()
    if path.suffix == ".npz":
        if image_size is not None:
            raise DataError(f"{path}: image_size is for images in files. Received: {image_size}")
        return read_npz(path)
    if name.startswith((".", "~", os.sep)) or (path.is_dir() and not is_dataset(name)):
        return read_folder(path, image_size)
    directory = None if data_dir is None else Path(data_dir).expanduser()
    return read_dataset(name, directory, image_size, download)


def _check_readable(split: Split) -> None:
    """Read a streamed split once; the training part is read for its mean and variance."""
    if not split.in_memory:
        for _ in split.batches(1):
            pass


def _check_arguments(
    batch_size: int, seed: int, validation_fraction: float, image_size: Sequence[int] | None
) -> None:
    if not _is_integer(batch_size) or batch_size < 1:
        raise ValueError(f"batch_size must be an integer of at least 1. Received: {batch_size!r}")
    if not _is_integer(seed) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be an integer from 0 to 2**32 - 1. Received: {seed!r}")
    if not isinstance(validation_fraction, numbers.Real) or not 0 < validation_fraction < 1:
        raise ValueError(
            f"validation_fraction must be in (0, 1). Received: {validation_fraction!r}"
        )
    if image_size is not None and not _is_image_size(image_size):
        raise ValueError(
            f"image_size must be (height, width), each at least 1. Received: {image_size!r}"
        )


def _is_integer(value: object) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_image_size(value: object) -> bool:
    return (
        isinstance(value, Sequence)
        and len(value) == 2
        and all(_is_integer(side) and side >= 1 for side in value)
    )
