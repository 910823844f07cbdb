"""Reader of a directory with one folder of images for each class, or of one such for each part."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf
from PIL import Image

from ...core.checks import check_one_of
from ..tasks import Classification, DataError
from .python_call import python_call
from .source import PART_NAMES, Source
from .split import ArraySplit, Split, StreamSplit, fits_in_memory

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_PARTS = {name: part for part, names in PART_NAMES.items() for name in names}
_NAMED = 5  # of the files left out, in a warning
_GREY_MODES = {"1", "L", "LA"}
_MODES = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}  # 8 bits a channel


def read_folder(
    path: Path,
    *,
    image_size: tuple[int, int] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> Source:
    """Read images whose class is the name of their folder.

    The class folders are in `path`, or in `path/train`, `path/test` and `path/val` (or `valid`,
    `validation`), of which only `train` must exist. The classes are those in `train`.

    If all images are grey they have 1 channel, otherwise 3. Transparency is dropped, and only the
    first frame of an animation is read. Hidden files are ignored, and so are files beside the class
    folders.

    Args:
        path: The directory.
        image_size: `(height, width)` to resize every image to (bilinear, antialiased), or `None`.
        on_error: What to do about a damaged image: "raise" an error, or "skip" it with a warning.
            All images are then decoded once more. Anything else that cannot be used is an error.

    Raises:
        DataError: If an image cannot be used; the message names the directory or the file.
    """
    check_one_of("on_error", on_error, ("raise", "skip"))
    parts = _part_folders(path)
    classes = [folder.name for folder in _folders(parts["train"])]
    if len(classes) < 2:
        raise DataError(
            f"{parts['train']}: expected a folder of images for each of at least 2 classes. "
            f"Received: {len(classes)}."
        )
    listed = {part: _files_and_labels(folder, classes) for part, folder in parts.items()}
    left_out: tuple[str, ...] = ()
    if on_error == "skip":
        listed, left_out = _without_damaged(listed, classes, path)
    shape = _shape([file for files, _ in listed.values() for file in files], image_size)
    splits = {part: _split(files, labels, shape) for part, (files, labels) in listed.items()}
    return Source(str(path), Classification(tuple(classes)), **splits, left_out=left_out)


_Listed = dict[str, tuple[list[Path], np.ndarray]]


def _without_damaged(
    listed: _Listed, classes: list[str], path: Path
) -> tuple[_Listed, tuple[str, ...]]:
    """Return the readable files of each part, and the others; warn if there are others."""
    readable, damaged = {}, []
    with ThreadPoolExecutor() as pool:
        for part, (files, labels) in listed.items():
            keep = np.array(list(pool.map(_is_readable, files)))
            for label in np.setdiff1d(labels, labels[keep]):
                folder = files[int(np.argmax(labels == label))].parent
                raise DataError(f"{folder}: no image of class {classes[label]!r} can be read.")
            readable[part] = ([f for f, k in zip(files, keep, strict=True) if k], labels[keep])
            damaged += [f for f, k in zip(files, keep, strict=True) if not k]
    names = tuple(str(file.relative_to(path)) for file in damaged)
    if names:
        more = ", ..." if len(names) > _NAMED else ""
        total = sum(len(files) for files, _ in listed.values())
        warnings.warn(
            f"{path}: {len(names)} of {total} images cannot be read and are left out: "
            f"{', '.join(names[:_NAMED])}{more}",
            stacklevel=2,
        )
    return readable, names


def _is_readable(file: Path) -> bool:
    try:
        with Image.open(file) as image:
            image.load()
    except Exception:  # Pillow's decoders raise errors of many types
        return False
    return True


def _part_folders(path: Path) -> dict[str, Path]:
    """Return the directory of each part; `path` itself is the training part if it has no parts."""
    folders = _folders(path)
    named = [folder for folder in folders if folder.name.lower() in _PARTS]
    # A class may be called "train", too: its folder holds images, a part's folder holds folders.
    if not named or (len(named) < len(folders) and not any(map(_folders, named))):
        return {"train": path}
    parts = {_PARTS[folder.name.lower()]: folder for folder in named}
    if named != folders or len(parts) < len(named) or "train" not in parts:
        raise DataError(
            f"{path}: expected either a folder for each class, or a folder train and optionally "
            "one val (or valid, validation) and one test, each with a folder for each class. "
            f"Received: {', '.join(folder.name for folder in folders)}."
        )
    return parts


def _files_and_labels(path: Path, classes: list[str]) -> tuple[list[Path], np.ndarray]:
    files, labels = [], []
    for folder in _folders(path):
        if folder.name not in classes:
            raise DataError(
                f"{folder}: classes must be those of the training part, {', '.join(classes)}. "
                f"Received: {folder.name!r}."
            )
        images = _images(folder)
        files += images
        labels += [classes.index(folder.name)] * len(images)
    if not files:
        raise DataError(f"{path}: expected a folder of images for each class. Received: none.")
    return files, np.array(labels, "int32")


def _folders(path: Path) -> list[Path]:
    return [entry for entry in _visible(path) if entry.is_dir()]


def _images(folder: Path) -> list[Path]:
    files = _visible(folder)
    if not files:
        raise DataError(f"{folder}: the class folder is empty.")
    for file in files:
        if file.suffix.lower() not in _SUFFIXES or not file.is_file():
            raise DataError(
                f"{file}: a class folder may hold only images ({', '.join(_SUFFIXES)}) and hidden "
                f"files. Received: {'a directory' if file.is_dir() else 'something else'}."
            )
    return files


def _visible(path: Path) -> list[Path]:
    if not path.is_dir():
        raise DataError(f"{path}: {'not a' if path.exists() else 'no such'} directory.")
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        raise DataError(f"{path}: not a readable directory ({error}).") from error
    return [entry for entry in entries if not entry.name.startswith(".")]


def _shape(files: list[Path], image_size: tuple[int, int] | None) -> tuple[int, ...]:
    sizes, modes = zip(*map(_size_and_mode, files), strict=True)
    for file, size in zip(files, sizes, strict=True):
        if image_size is None and size != sizes[0]:
            raise DataError(
                "images must be of one size unless image_size=(height, width) is given. Received: "
                f"{sizes[0]} in {files[0]} and {size} in {file}."
            )
    return (*(image_size or sizes[0]), 1 if _GREY_MODES.issuperset(modes) else 3)


def _split(files: list[Path], labels: np.ndarray, shape: tuple[int, ...]) -> Split:
    if fits_in_memory(len(files), shape):
        return ArraySplit(np.stack([_pixels(file, shape) for file in files]), labels)
    stored = tf.data.Dataset.from_tensor_slices([os.fsencode(file) for file in files])
    return StreamSplit(stored, labels, shape, _decoder(shape), shuffle_buffer=len(files))


def _size_and_mode(file: Path) -> tuple[tuple[int, int], str]:
    """Read height, width and Pillow's mode from the head of the file, without the pixels."""
    with _opened(file) as image:
        if image.mode not in _MODES:
            raise DataError(f"{file}: expected 8 bits a channel. Received: mode {image.mode}.")
        return (image.height, image.width), image.mode


def _pixels(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    height, width, channels = shape
    with _opened(file) as image:
        image = image.convert("L" if channels == 1 else "RGB")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image, "uint8").reshape(shape)


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(file) as image:
            yield image
    except DataError:
        raise
    except Exception as error:  # Pillow's decoders raise errors of many types
        raise DataError(f"{file}: not a readable image ({error}).") from error


def _decoder(shape: tuple[int, ...]) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the function that reads an image file inside a `tf.data` pipeline."""
    read = python_call(
        lambda name: [_pixels(Path(os.fsdecode(name)), shape)], [tf.TensorSpec(shape, tf.uint8)]
    )
    return lambda name: read(name)[0]
