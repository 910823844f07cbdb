"""`Embeddings`: what a training shows in the Projector."""

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from . import projector
from .pictures import Pictures

__all__ = ["Embeddings"]

_FEATURES = "validation features"


class Embeddings:
    """The weights of all embedding layers, and the features of the validation samples.

    Args:
        directory: of the run.
        model: built.
        metadata: by the name of an embedding layer, the path of a file with a line for each row of
            its weights; or one path for all. Absolute, or relative to the parent of `directory`.
        pictures: holds validation samples, or `None`.

    Raises:
        ValueError: `metadata` names a layer that is no embedding layer of the model, or there is
            nothing to show.
    """

    def __init__(
        self,
        directory: str,
        model: keras.Model,
        metadata: str | Mapping[str, str] | None = None,
        pictures: Pictures | None = None,
    ):
        self.directory = directory
        self.pictures = pictures
        flat = model._flatten_layers(include_self=False)
        layers = [layer for layer in flat if isinstance(layer, keras.layers.Embedding)]
        self.layers = {layer.name: layer for layer in layers}
        self.head = projector.feature_model(model) if pictures else None
        if not self.layers and not pictures:
            raise ValueError(
                "embeddings_freq needs an Embedding layer, or validation= samples whose features "
                f"are shown. Received: model {model.name!r} without one"
            )
        files = {} if metadata is None else metadata
        paths = dict.fromkeys(self.layers, files) if isinstance(files, str) else dict(files)
        if unknown := set(paths) - set(self.layers):
            raise ValueError(
                f"embeddings_metadata must name embedding layers: {', '.join(self.layers)}. "
                f"Received: {', '.join(sorted(unknown))}"
            )
        self.paths = {name: os.path.join(os.pardir, path) for name, path in paths.items()}

    def write(self, model: keras.Model) -> None:
        """Writes the points of the moment, and which files they are in."""
        for name, layer in self.layers.items():
            points = keras.ops.convert_to_numpy(layer.embeddings)
            projector.write_points(self.directory, name, points)
        paths = dict(self.paths)
        if self.pictures and self.head:
            projector.write_points(self.directory, _FEATURES, *self._features(model))
            paths[_FEATURES] = projector.metadata_path(_FEATURES)
        projector.write_config(
            self.directory, [*self.layers, *([_FEATURES] if self.head else [])], paths
        )

    def _features(self, model: keras.Model) -> tuple[np.ndarray, dict[str, Any]]:
        pictures: Any = self.pictures
        found = self.head.predict(pictures.x, verbose=0)
        p = pictures.answers(model)
        names = pictures.names(p.shape[1])
        columns = {
            "class": [names[label] for label in pictures.y],
            "answer": [names[guess] for guess in p.argmax(1)],
        }
        return np.asarray(found).reshape(len(found), -1), columns
