"""Reading a batch of series at other steps."""

from typing import Any

from keras import ops

__all__ = ["interpolate", "take_steps"]


def take_steps(x: Any, steps: Any) -> Any:
    """The values of each series at its own integer steps.

    Args:
        x: `(batch, steps, channels)`.
        steps: int32 `(batch, new steps)`, in `[0, steps)`.

    Returns:
        `(batch, new steps, channels)`.
    """
    shape: Any = ops.shape(x)
    batch, length, channels = shape
    first = length * ops.arange(batch, dtype="int32")[:, None]
    # One flat gather: `take_along_axis` builds an index of the size of the result first.
    return ops.take(ops.reshape(x, (-1, channels)), first + steps, axis=0)


def interpolate(x: Any, positions: Any) -> Any:
    """The values of each series at its own fractional steps, linear between two.

    Args:
        x: `(batch, steps, channels)`, floats.
        positions: float32 `(batch, new steps)`; clipped to `[0, steps - 1]`.

    Returns:
        `(batch, new steps, channels)`.
    """
    last = ops.shape(x)[1] - 1
    positions = ops.clip(positions, 0.0, ops.cast(last, "float32"))
    left = ops.cast(ops.floor(positions), "int32")
    weight = ops.cast((positions - ops.cast(left, "float32"))[..., None], x.dtype)
    right = ops.minimum(left + 1, last)
    return (1 - weight) * take_steps(x, left) + weight * take_steps(x, right)
