"""`OutputsHead`: the outputs of a model by name, as they are."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from ..errors import ExportError
from .head import Head


@dataclass(frozen=True)
class OutputsHead(Head):
    """Several outputs, sequences, segmentation, embeddings: the model's own outputs by name.

    Answers: each output under its name, floats as float32, other dtypes as they are.

    Args:
        names: The name of each output, in the flat order of the model.
    """

    task = "outputs"
    title = "Outputs"
    noun = "model"

    def numbers(self, outputs):
        return {
            name: tf.cast(x, tf.float32) if x.dtype.is_floating else tf.identity(x)
            for name, x in zip(self.names, outputs, strict=True)
        }

    def problem(self, answers):
        for name, array in answers.items():
            if array.dtype.kind == "f" and (missing := np.sum(np.isnan(array))):
                return (
                    f"model.predict must return numbers. Received: {missing} of {array.size} values"
                    f" of {name!r} that are NaN"
                )
        return None

    def targets(self, data):
        raise ExportError(
            "`data` must be None for the task 'outputs', for which no metric is known: leave it "
            "out of the checks, and judge the outputs of `exports.load(...).predict` yourself. "
            "Received: targets in the data of checks"
        )

    def scores(self, answers, targets):
        return {}

    def drops(self, checks):
        return {}

    def agreement(self, answers, right, targets, checks):
        raise NotImplementedError("The task 'outputs' has no metric.")
