"""`soft_threshold` and `block_soft_threshold`: the proximal operators of L1 and group lasso."""

import math
from typing import Any

from keras import ops

__all__ = ["block_soft_threshold", "soft_threshold"]


def soft_threshold(x: Any, threshold: Any) -> Any:
    """The proximal operator of L1: each entry moves towards zero by `threshold`, and stops there.

        x - clip(x, -threshold, threshold)  =  argmin over z of  |z - x|^2 / 2 + threshold * |z|_1

    Args:
        x: a tensor of any shape.
        threshold: a scalar >= 0; with 0 the result is x.

    >>> soft_threshold(ops.convert_to_tensor([3.0, -0.5, -2.0]), 1.0).numpy().tolist()
    [2.0, 0.0, -1.0]

    Reference: Parikh & Boyd, Proximal Algorithms, 2014, https://doi.org/10.1561/2400000003
    """
    return x - ops.clip(x, -threshold, threshold)


def block_soft_threshold(x: Any, threshold: Any, groups: tuple[int, ...]) -> Any:
    """The proximal operator of group lasso: each group becomes shorter, or zero as a whole.

        x_g * max(1 - t / |x_g|_2, 0),    t = threshold * sqrt(n)

    for each group g of n entries, the weights of the penalty being those of Yuan & Lin.

    Args:
        x: a tensor of any shape.
        threshold: a scalar >= 0; with 0 the result is x.
        groups: the axes whose indices number the groups; the other axes are within a group.

    >>> x = ops.convert_to_tensor([[3.0, 0.3], [4.0, 0.4]])
    >>> [[round(v, 4) for v in row] for row in
    ...  block_soft_threshold(x, 1.0 / math.sqrt(2), (1,)).numpy().tolist()]
    [[2.4, 0.0], [3.2, 0.0]]

    Reference: Yuan & Lin, Model Selection and Estimation in Regression with Grouped Variables,
    2006, https://doi.org/10.1111/j.1467-9868.2005.00532.x
    """
    within = [axis for axis in range(len(x.shape)) if axis not in groups]
    size = math.prod(x.shape[axis] for axis in within)
    # The largest entry is taken out of the root, so that small squares do not vanish.
    largest = ops.max(ops.absolute(x), axis=within, keepdims=True) if within else ops.absolute(x)
    scaled = x / ops.where(largest > 0, largest, 1.0)
    length = largest * ops.sqrt(ops.sum(ops.square(scaled), axis=within, keepdims=True))
    limit = threshold * math.sqrt(size)
    dead = length <= limit  # false for NaN, which stays NaN
    return ops.where(dead, 0.0, x * (1 - limit / ops.where(dead, 1.0, length)))
