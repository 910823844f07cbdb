"""Embeddings for the Projector, as TSV files, which it finds without a checkpoint."""

import os
from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from google.protobuf import text_format

from .protos import ProjectorConfig

__all__ = ["feature_model", "metadata_path", "write_config", "write_points"]

_CONFIG = "projector_config.pbtxt"


def write_config(
    directory: str, names: Iterable[str], metadata: dict[str, str] | None = None
) -> None:
    """Says which files hold what: `<name>.tsv`, and where there is one its metadata.

    Args:
        directory: of a run.
        names: of the embeddings.
        metadata: by name, the path of a file with a line for each point.
    """
    config = ProjectorConfig()
    for name in names:
        entry = config.embeddings.add()
        entry.tensor_name = name
        entry.tensor_path = os.path.join("projector", f"{_file(name)}.tsv")
        if name in (metadata or {}):
            entry.metadata_path = metadata[name]
    _write(os.path.join(directory, _CONFIG), text_format.MessageToString(config))


def write_points(
    directory: str,
    name: str,
    points: np.ndarray,
    columns: dict[str, Sequence[Any]] | None = None,
) -> None:
    """Writes the points of an embedding, and columns of metadata beside them.

    Args:
        directory: of a run.
        name: of the embedding.
        points: `(points, dimensions)`.
        columns: by title, a value for each point.
    """
    place = os.path.join(directory, "projector", _file(name))
    lines = ("\t".join(f"{value:.6g}" for value in point) for point in points)
    _write(f"{place}.tsv", "\n".join(lines) + "\n")
    if columns:
        rows = zip(*columns.values(), strict=True)
        # A single column has no title: the Projector takes its first line for a point.
        title = ["\t".join(columns)] if len(columns) > 1 else []
        text = [*title, *("\t".join(_cell(value) for value in row) for row in rows)]
        _write(f"{place}_metadata.tsv", "\n".join(text) + "\n")


def metadata_path(name: str) -> str:
    """Where `write_points` puts the metadata, relative to the run."""
    return os.path.join("projector", f"{_file(name)}_metadata.tsv")


def feature_model(model: keras.Model) -> keras.Model:
    """A model that gives what the last layer of a functional model gets.

    Raises:
        ValueError: the model is not functional, or its last layer has several inputs.
    """
    inputs = getattr(model, "inputs", None)
    before = model.layers[-1].input if inputs else None
    if not isinstance(before, keras.KerasTensor):
        raise ValueError(
            "The features of validation samples need a functional model whose last layer has one "
            f"input. Received: {type(model).__name__} {model.name!r}"
        )
    return keras.Model(inputs, before)


def _file(name: str) -> str:
    return name.replace("/", "_")


def _cell(value: Any) -> str:
    return " ".join(str(value).split())


def _write(path: str, text: str) -> None:
    from tensorboard.compat import tf

    files: Any = tf.io.gfile
    files.makedirs(os.path.dirname(path))
    with files.GFile(path, "w") as file:
        file.write(text)
