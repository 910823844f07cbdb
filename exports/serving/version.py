"""`Version`: one loaded SavedModel, and what can be asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from ..saved_model import read_meta_graph, tensor_of
from ..specs import SignatureSpecs
from ..warmup import replay
from .batcher import Batcher
from .errors import RequestError

__all__ = ["SignatureInfo", "Version"]


@dataclass(frozen=True)
class SignatureInfo(SignatureSpecs):
    """The inputs and outputs of a signature; requests to one that `takes_rows` can be joined.

    Args:
        inputs: input name to `tf.TensorSpec`.
        outputs: output name to `tf.TensorSpec`.
        method: `tensorflow/serving/predict`, `/classify` or `/regress`.
    """

    method: str


class Version:
    """A loaded version. Requests that hold it are answered, whatever happens to its directory.

    Its warmup requests are answered before it is there.

    Args:
        path: the directory of the SavedModel.
        number: the version.

    Attributes:
        number: the version.
        signatures: `SignatureInfo` by signature name.
        definitions: the `SignatureDef` protos by signature name.
        metadata: the same as TensorFlow Serving writes them in JSON.
        batchers: by signature name, what joins its requests: never those of two versions.

    Raises:
        ValueError: a warmup request is not answered.
    """

    def __init__(self, path: Path, number: int):
        self.number = number
        self.batchers: dict[str, Batcher] = {}
        self.definitions = dict(read_meta_graph(path).signature_def)
        self._model: Any = tf.saved_model.load(str(path))  # keeps the variables alive
        self.signatures = {
            name: SignatureInfo(
                function.structured_input_signature[1],
                function.structured_outputs,
                self.definitions[name].method_name,
            )
            for name, function in self._model.signatures.items()
        }
        self.metadata = {
            name: json_format.MessageToDict(
                definition,
                preserving_proto_field_name=True,
                always_print_fields_with_no_presence=True,
            )
            for name, definition in self.definitions.items()
        }
        replay(path, {name: info.inputs for name, info in self.signatures.items()}, self.run)

    def signature(self, name: str) -> SignatureInfo:
        """The signature of that name.

        Raises:
            RequestError: 400, there is none; the message lists those there are.
        """
        if name not in self.signatures:
            raise RequestError(
                400,
                f'Serving signature name: "{name[:100]}" not found in signature def. '
                f"Expected one of {sorted(self.signatures)}",
            )
        return self.signatures[name]

    def run(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The answers of a signature by output name; no rows are answered without the graph.

        Raises:
            RequestError: TensorFlow refused the values; its code says which status.
        """
        info = self.signatures[signature]
        if info.takes_rows and not any(len(array) for array in features.values()):
            return dict(sorted(info.empty_answer().items()))
        tensors = {name: tensor_of(array) for name, array in features.items()}
        try:
            outputs = self._model.signatures[signature](**tensors)
            return {name: output.numpy() for name, output in sorted(outputs.items())}
        except tf.errors.OpError as error:
            raise RequestError.of(error) from error
