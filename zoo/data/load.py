"""`load_data`: from a name to data ready for training."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...core.checks import check_bool, check_integer, check_number, check_path, check_type, message
from .data import Data
from .embedded import EMBEDDED, read_embedded
from .folder import read_folder
from .hold_out import development_and_test, hold_out
from .npz import read_npz
from .preprocessing import fit_standardization
from .source import DataError, Source, data_errors
from .tfds_reader import is_dataset, read_dataset


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
    """Load a data set, split it, and standardize it by its training part.

    Without a test part in the source, a stratified 20% is held out, the same for every seed.
    Without a validation part in the file or directory, a stratified fraction of the rest is held
    out. A split is the same in every process. Images that do not fit in memory are all read once,
    so a broken one is found here and not after hours of training.

    Args:
        name: One of:

            - an embedded data set, made on the spot: `mnist1d`, `digits`, `breast_cancer`;
            - a data set of TensorFlow Datasets, `name[/config][:version]`, with images or features
              and one label;
            - a file `*.npz` with the arrays `x`, `y` (or `x_train`, `y_train`) and optionally
              `x_val`, `y_val` (or `_valid`, `_validation`) and `x_test`, `y_test`; images have
              rank 4, `(samples, height, width, channels)`;
            - a directory with one folder of images (png, jpg, jpeg, bmp, gif, tif, tiff, webp) for
              each class, or with folders `train` and optionally `val` (or `valid`, `validation`)
              and `test` that hold one for each class. Write `./name` if a data set has this name.
        batch_size: The number of examples in a batch.
        seed: The seed of the validation split and of the order of training.
        data_dir: The directory of TensorFlow Datasets. Defaults to `$TFDS_DATA_DIR`, or else
            `~/tensorflow_datasets`.
        validation_fraction: The fraction of the non-test samples to hold out for validation, in
            (0, 1). Not used if the file or directory has a validation part.
        image_size: `(height, width)` in pixels, to which images are resized.
        download: Whether to download a data set of TensorFlow Datasets that is not in `data_dir`.

    Raises:
        TypeError: If an argument has the wrong type.
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
    kinds = "a data set's name, a .npz file or a directory (a str or os.PathLike)"
    check_type("name", name, (str, os.PathLike), kinds)
    check_path("data_dir", data_dir, optional=True)
    check_bool("download", download)
    check_integer("batch_size", batch_size, minimum=1)
    check_integer("seed", seed, 0, 2**32 - 1)
    check_number("validation_fraction", validation_fraction, "(0, 1)")
    size = _checked_size(image_size)
    if not isinstance(name, str):
        name = str(Path(name).absolute())
    with data_errors(name):
        source = _read(name, data_dir, size, download)
        train, test = development_and_test(source)
        validation = source.validation
        if validation is None:
            train, validation = hold_out(train, validation_fraction, seed, source)
        preprocessing = fit_standardization(train, source.origin)  # reads all of `train`
        for split in (validation, test):
            if not split.in_memory:
                for _ in split.batches(1):
                    pass
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


def _read(name: str, data_dir: Any, image_size: tuple[int, int] | None, download: bool) -> Source:
    if not name:
        raise ValueError(message("name", name, "a data set, a .npz file or a directory"))
    if name in EMBEDDED and image_size is None:
        return read_embedded(name)
    path = Path(name).expanduser()
    if path.suffix == ".npz":
        if image_size is not None:
            raise DataError(f"{path}: image_size is for images in files. Received: {image_size}")
        return read_npz(path)
    if name.startswith((".", "~", os.sep)) or (path.is_dir() and not is_dataset(name)):
        return read_folder(path, image_size)
    directory = None if data_dir is None else Path(data_dir).expanduser()
    return read_dataset(name, directory, image_size, download)


def _checked_size(image_size: Sequence[int] | None) -> tuple[int, int] | None:
    if image_size is None:
        return None
    try:
        height, width = image_size
        for side in (height, width):
            check_integer("image_size", side, minimum=1)
    except (TypeError, ValueError):
        expected = "(height, width), two integers >= 1, or None"
        raise ValueError(message("image_size", image_size, expected)) from None
    return int(height), int(width)
