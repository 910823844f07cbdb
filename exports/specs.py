"""`SignatureSpecs`: what goes into a signature and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

__all__ = ["SignatureSpecs"]


@dataclass(frozen=True)
class SignatureSpecs:
    """The inputs and outputs of a signature.

    Args:
        inputs: input name to `tf.TensorSpec` of shape `(None, ...)`: any number of rows.
        outputs: output name to `tf.TensorSpec`.
    """

    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]

    def __str__(self) -> str:
        pairs = (("input ", self.inputs), ("output", self.outputs))
        return "\n".join(
            f"{title} {name}: {spec.dtype.name} {spec.shape}"
            for title, specs in pairs
            for name, spec in specs.items()
        )
