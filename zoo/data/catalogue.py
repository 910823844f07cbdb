"""Data sets of TensorFlow Datasets, the embedded ones among them."""

import difflib
import io
import sys
import textwrap
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from urllib.parse import urlsplit

import requests
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import downloader
from tensorflow_datasets.core.utils.py_utils import temporary_assignment

from .embedded import EMBEDDED, register_builder
from .errors import DataError

__all__ = ["find_builder", "is_dataset", "prepare"]

RETRIES = 1  # a download; the 10 of TFDS take 204 s to say that there is no network


def is_dataset(name: str) -> bool:
    """Whether `name`, without version and configuration, is embedded or of TensorFlow Datasets."""
    return _base(name) in _names()


def find_builder(name: str, data_dir: Path | None) -> tfds.core.DatasetBuilder:
    """The builder of a data set, whether it lies ready on disk or not.

    Args:
        name: of the data set, `name[/config][:version]`.
        data_dir: where data sets are kept; `None` is the default of TensorFlow Datasets.

    Raises:
        DataError: there is no data set, configuration or version of that name.
    """
    if not is_dataset(name):
        raise DataError(_unknown(name))
    if _base(name) in EMBEDDED:
        register_builder(_base(name))
    try:
        return tfds.builder(name, data_dir=data_dir)
    except Exception as error:
        cause = _in_one_line(error)
        raise DataError(f"{name}: no such configuration or version: {cause}") from error


def prepare(
    builder: tfds.core.DatasetBuilder, name: str, download: bool
) -> tfds.core.DatasetBuilder:
    """The builder, once its data set lies ready on disk.

    A process that is killed meanwhile leaves a directory `incomplete.*` and loses nothing.

    Args:
        builder: from `find_builder`.
        name: from which it was found.
        download: whether a data set that is not there may be downloaded and prepared; the
            embedded ones are made on the spot in any case.

    Raises:
        DataError: it cannot be prepared; the message says how to do it elsewhere.
    """
    if not (download or builder.name in EMBEDDED or builder.data_path.exists()):
        raise DataError(_unprepared(builder, name, "download is False"))
    try:
        _download_and_prepare(builder)
    except Exception as error:
        # Another process may have prepared it meanwhile: the first to finish wins.
        if not builder.data_path.exists():
            raise DataError(_unprepared(builder, name, _cause(error))) from error
        return find_builder(name, Path(builder.data_dir_root))
    return builder


def _download_and_prepare(builder: tfds.core.DatasetBuilder) -> None:
    config = tfds.download.DownloadConfig(try_download_gcs=False)
    fewer_retries = temporary_assignment(downloader, "MAX_RETRIES", RETRIES)
    # TFDS announces its work on stdout, which belongs to the program that asked for data, and
    # draws twenty progress bars for the second that an embedded data set takes.
    output = io.StringIO() if builder.name in EMBEDDED else sys.stderr
    with fewer_retries, redirect_stdout(output), redirect_stderr(output):
        builder.download_and_prepare(download_config=config)


def _names() -> set[str]:
    return {*EMBEDDED, *tfds.list_builders(with_community_datasets=False)}


def _base(name: str) -> str:
    return name.split("/")[0].split(":")[0]


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(_base(name), sorted(_names()), n=3)
    hint = f" Did you mean {', '.join(near)}?" if near else ""
    return (
        f"{name!r} is neither an embedded data set ({', '.join(EMBEDDED)}), nor one of TensorFlow "
        f"Datasets, nor a directory, nor an .npz file.{hint}"
    )


def _unprepared(builder: tfds.core.DatasetBuilder, name: str, cause: str) -> str:
    directory = Path(builder.data_dir_root)
    return (
        f"{name}: the data set is not in {directory} and cannot be prepared here: {cause}. On a "
        f"machine with network run `tfds build {name} --data_dir DIR`, then copy "
        f"DIR/{builder.name} to {directory / builder.name}."
    )


def _cause(error: Exception) -> str:
    if isinstance(error, requests.ConnectionError) and error.request is not None:
        return f"no connection to {urlsplit(error.request.url).hostname}"
    return _in_one_line(error)


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return textwrap.shorten(f"{type(error).__name__}: {text}", 400)
