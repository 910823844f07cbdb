"""A directory with one folder of images for each class."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from .arrays import ArraySplit
from .errors import DataError
from .memory import fits_in_memory
from .source import Source
from .split import Split
from .stream import StreamSplit

__all__ = ["SUFFIXES", "read_folder"]

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
GREY_MODES = {"1", "L", "LA"}
MODES = GREY_MODES | {"P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"}  # 8 bits a channel


def read_folder(path: Path, image_size: tuple[int, int] | None) -> Source:
    """Reads images whose class is the name of their folder.

    Images that are all grey have 1 channel, else all have 3; transparency is dropped. Hidden files
    are left out, and so is what lies beside the class folders.

    Args:
        path: the directory of the class folders.
        image_size: `(height, width)` to which every image is resized (bilinear, antialiased), or
            `None`, if all are of one size.

    Raises:
        DataError: names the directory or file, what was expected and what was received.
    """
    folders = _class_folders(path)
    files = [_images(folder) for folder in folders]
    labels = np.repeat(np.arange(len(folders), dtype="int32"), [len(group) for group in files])
    train = _split([file for group in files for file in group], labels, image_size)
    return Source(str(path), tuple(folder.name for folder in folders), train)


def _class_folders(path: Path) -> list[Path]:
    if not path.is_dir():
        raise DataError(f"{path}: no such directory.")
    folders = sorted(entry for entry in _visible(path) if entry.is_dir())
    if len(folders) < 2:
        raise DataError(
            f"{path}: expected a folder of images for each of at least 2 classes. Received: "
            f"{len(folders)}."
        )
    return folders


def _images(folder: Path) -> list[Path]:
    files = sorted(_visible(folder))
    if not files:
        raise DataError(f"{folder}: the class folder is empty.")
    for file in files:
        if file.suffix.lower() not in SUFFIXES or not file.is_file():
            raise DataError(
                f"{file}: a class folder may hold only images ({', '.join(SUFFIXES)}) and hidden "
                "files."
            )
    return files


def _visible(path: Path) -> list[Path]:
    return [entry for entry in path.iterdir() if not entry.name.startswith(".")]


class _Format(NamedTuple):
    size: tuple[int, int]  # (height, width)
    grey: bool


def _split(files: list[Path], labels: np.ndarray, image_size: tuple[int, int] | None) -> Split:
    formats = [_format(file) for file in files]
    channels = 1 if all(image.grey for image in formats) else 3
    shape = (*(image_size or _common_size(files, formats)), channels)
    if fits_in_memory(len(files), shape):
        return ArraySplit(np.stack([_pixels(file, shape) for file in files]), labels)
    stored = tf.data.Dataset.from_tensor_slices([str(file) for file in files])
    return StreamSplit(stored, labels, shape, _decoder(shape), shuffle_buffer=len(files))


def _format(file: Path) -> _Format:
    """What the head of the file says; the pixels are not read."""
    with _opened(file) as image:
        if image.mode not in MODES:
            raise DataError(f"{file}: expected 8 bits a channel. Received: mode {image.mode}.")
        return _Format((image.height, image.width), image.mode in GREY_MODES)


def _common_size(files: list[Path], formats: list[_Format]) -> tuple[int, int]:
    size = formats[0].size
    for file, image in zip(files, formats, strict=True):
        if image.size != size:
            raise DataError(
                "images must be of one size unless image_size=(height, width) is given. Received: "
                f"{size} in {files[0]} and {image.size} in {file}."
            )
    return size


def _pixels(file: Path, shape: tuple[int, ...]) -> np.ndarray:
    height, width, channels = shape
    with _opened(file) as image:
        try:
            image = image.convert("L" if channels == 1 else "RGB")
        except (OSError, SyntaxError) as error:
            raise _unreadable(file, error) from error
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image, "uint8").reshape(shape)


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file)
    except (OSError, SyntaxError) as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: Exception) -> DataError:
    return DataError(f"{file}: not a readable image ({error}).")


def _decoder(shape: tuple[int, ...]) -> Callable[[tf.Tensor], tf.Tensor]:
    def pixels(name):
        return _pixels(Path(name.decode()), shape)

    def decode(name):
        return tf.ensure_shape(tf.numpy_function(pixels, [name], tf.uint8), shape)

    return decode
