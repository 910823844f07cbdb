"""`SignatureSpecs`: what goes into a signature and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
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

    @property
    def takes_rows(self) -> bool:
        """Whether every input and output has a first axis of any size: one entry per row."""
        specs = (*self.inputs.values(), *self.outputs.values())
        return all(spec.shape.rank and spec.shape[0] is None for spec in specs)

    def empty_answer(self) -> dict[str, np.ndarray]:
        """Return the outputs for a request of no rows, arrays of shape `(0, ...)`.

        No graph is asked: TensorFlow's kernels may fail on an empty batch. Other axes of unknown
        size have the size 0 as well, since there is no row to tell it. Strings are objects, as
        TensorFlow returns them.
        """
        return {
            name: np.zeros((0, *(size or 0 for size in spec.shape[1:])), spec.dtype.as_numpy_dtype)
            for name, spec in self.outputs.items()
        }

    def __str__(self) -> str:
        pairs = (("input ", self.inputs), ("output", self.outputs))
        return "\n".join(
            f"{title} {name}: {spec.dtype.name} {spec.shape}"
            for title, specs in pairs
            for name, spec in specs.items()
        )
