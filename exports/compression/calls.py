"""The channels of symbolic tensors, and calls evaluated on arrays."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import KerasTensor

from ...core.layer_kinds import takes_training
from ...core.model_graph import Call


def channels_of(tensor: KerasTensor) -> int:
    """Return the size of the last axis; 0 if it is the batch axis, or if the dtype is no float."""
    floats = keras.backend.is_float_dtype(tensor.dtype)
    return (tensor.shape[-1] or 0) if len(tensor.shape) > 1 and floats else 0


def trial_shape(tensor: KerasTensor) -> tuple[int, ...]:
    """Return a shape to try a call with: one sample, and 16 along each axis of unknown size."""
    return (1, *(16 if size is None else size for size in tensor.shape[1:]))


def evaluate(call: Call, arrays: Mapping[KerasTensor, np.ndarray]) -> np.ndarray:
    """Return the first output of a call for given inputs, in inference mode."""
    tensors = {
        tensor: keras.ops.convert_to_tensor(array, dtype=tensor.dtype)
        for tensor, array in arrays.items()
    }
    args, kwargs = call.fill_in(tensors)
    if takes_training(call.operation):
        kwargs["training"] = False
    output = keras.tree.flatten(call.operation(*args, **kwargs))[0]
    return np.asarray(keras.ops.convert_to_numpy(output), "float64")
