"""`Embeddings`: points for the Projector, as TSV files."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig  # pyright: ignore

from .predictions import Predictions

_FEATURES = "validation features"


class Embeddings:
    """The weights of all embedding layers, and the features of the validation samples.

    The features of a sample are the inputs of the model's last layer. `metadata` is the path of a
    file with a line per row of the weights, relative to the parent of `directory`, by the name of
    the embedding layer or for all.
    """

    def __init__(
        self,
        directory: str,
        model: keras.Model,
        metadata: str | Mapping[str, str] | None = None,
        predictions: Predictions | None = None,
    ):
        self.directory = directory
        self.model = model
        self.predictions = predictions
        flat = model._flatten_layers(include_self=False)
        layers = [layer for layer in flat if isinstance(layer, keras.layers.Embedding)]
        self.layers = {layer.name: layer for layer in layers}
        self.feature_model = _feature_model(model) if predictions else None
        if not self.layers and not predictions:
            raise ValueError(
                "`embeddings_freq` needs a model with an Embedding layer, or `validation` samples. "
                f"Received: model={model.name!r} without both"
            )
        files = {} if metadata is None else metadata
        paths = dict.fromkeys(self.layers, files) if isinstance(files, str) else dict(files)
        if unknown := set(paths) - set(self.layers):
            raise ValueError(
                "`embeddings_metadata` must have the names of embedding layers as keys: "
                f"{', '.join(self.layers)}. Received: {', '.join(sorted(unknown))}"
            )
        self.paths = {name: os.path.join(os.pardir, path) for name, path in paths.items()}

    def write(self) -> None:
        """Write the current points, and a configuration with the names of their files."""
        config = ProjectorConfig()
        for name, layer in self.layers.items():
            points = keras.ops.convert_to_numpy(layer.embeddings)
            self._add(config, name, points, self.paths.get(name))
        if self.predictions and self.feature_model:
            points = np.asarray(self.feature_model.predict(self.predictions.inputs, verbose=0))
            pictures, predicted = self.predictions.predict(self.model)
            columns = pictures.table(*predicted)
            path = os.path.join("projector", f"{_FEATURES}_metadata.tsv")
            self._write(path, _table(columns))
            self._add(config, _FEATURES, points.reshape(len(points), -1), path)
        self._write("projector_config.pbtxt", text_format.MessageToString(config))

    def _add(self, config: Any, name: str, points: np.ndarray, metadata: str | None) -> None:
        entry = config.embeddings.add()
        entry.tensor_name = name
        entry.tensor_path = os.path.join("projector", f"{name.replace('/', '_')}.tsv")
        if metadata:
            entry.metadata_path = metadata
        lines = ("\t".join(f"{value:.6g}" for value in point) for point in points)
        self._write(entry.tensor_path, "\n".join(lines) + "\n")

    def _write(self, path: str, text: str) -> None:
        from tensorboard.compat import tf

        files: Any = tf.io.gfile
        path = os.path.join(self.directory, path)
        files.makedirs(os.path.dirname(path))
        with files.GFile(path, "w") as file:
            file.write(text)


def _table(columns: Mapping[str, Sequence[Any]]) -> str:
    rows = [columns, *zip(*columns.values(), strict=True)]
    return "\n".join("\t".join(" ".join(str(cell).split()) for cell in row) for row in rows) + "\n"


def _feature_model(model: keras.Model) -> keras.Model:
    inputs = getattr(model, "inputs", None)
    # The last layer of a regression may only give values back in their units.
    heads = [each for each in model.layers if not isinstance(each, keras.layers.Normalization)]
    features = heads[-1].input if inputs and heads else None
    if not isinstance(features, keras.KerasTensor):
        raise ValueError(
            "Features for the Projector need a functional model whose last layer has one input. "
            f"Received: {type(model).__name__} {model.name!r}"
        )
    return keras.Model(inputs, features)
