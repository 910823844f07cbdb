"""Reader of a directory with one folder of images for each class, or of one such for each part."""

import atexit
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from ..tasks import Classification, DataError
from .source import PART_NAMES, Source
from .split import ArraySplit, Split, StreamSplit, fits_in_memory

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_PARTS = {name: part for part, names in PART_NAMES.items() for name in names}
_POLL = 0.01  # seconds
_EXIT_WAIT = 10.0  # seconds at most; a call that TensorFlow cancels is never counted as ended
_GREY_MODES = {"1", "L", "LA"}
_MODES = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"}  # 8 bits a channel


def read_folder(path: Path, *, image_size: tuple[int, int] | None = None) -> Source:
    """Read images whose class is the name of their folder.

    The class folders are in `path`, or in `path/train`, `path/test` and `path/val` (or `valid`,
    `validation`), of which only `train` must exist. The classes are those in `train`.

    If all images are grey they have 1 channel, otherwise 3. Transparency is dropped, and only the
    first frame of an animation is read. Hidden files are ignored, and so are files beside the class
    folders.

    Args:
        path: The directory.
        image_size: `(height, width)` to resize every image to (bilinear, antialiased), or `None`.

    Raises:
        DataError: If an image cannot be used; the message names the directory or the file.
    """
    parts = _part_folders(path)
    classes = [folder.name for folder in _folders(parts["train"])]
    if len(classes) < 2:
        raise DataError(
            f"{parts['train']}: expected a folder of images for each of at least 2 classes. "
            f"Received: {len(classes)}."
        )
    listed = {part: _files_and_labels(folder, classes) for part, folder in parts.items()}
    shape = _shape([file for files, _ in listed.values() for file in files], image_size)
    splits = {part: _split(files, labels, shape) for part, (files, labels) in listed.items()}
    return Source(str(path), Classification(tuple(classes)), **splits)


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
    """Return the function that reads an image file inside a `tf.data` pipeline.

    TensorFlow's threads read ahead by calls of Python. A call made after Python has shut down never
    returns, and the process hangs. So the pipeline counts its calls in variables, outside of
    Python, and the exit of the process waits for the unfinished ones.
    """
    with tf.device("CPU"):
        exiting = tf.Variable(False, trainable=False, name="exiting")
        running = tf.Variable(0, dtype="int64", trainable=False, name="running")
    failed = []  # calls that raised, which `running` still counts

    def pixels(name):
        try:
            return _pixels(Path(os.fsdecode(name)), shape)
        except BaseException:
            failed.append(name)
            raise

    def decode(name):
        with tf.control_dependencies([running.assign_add(1)]):
            skip = tf.identity(exiting)  # from now on, nobody uses the result
        image = tf.cond(
            skip,
            lambda: tf.zeros(shape, "uint8"),
            lambda: tf.ensure_shape(tf.numpy_function(pixels, [name], tf.uint8), shape),
        )
        with tf.control_dependencies([image]):
            ended = running.assign_sub(1)
        with tf.control_dependencies([ended]):
            return tf.identity(image)

    def finish_calls():
        exiting.assign(True)
        deadline = time.monotonic() + _EXIT_WAIT
        while running > len(failed) and time.monotonic() < deadline:
            time.sleep(_POLL)

    atexit.register(finish_calls)
    return decode
