"""`StochasticDepth`: residual sums with a random branch, and their rates through a model."""

from collections.abc import Sequence
from typing import Literal

import keras
from keras import ops

from ...core.checks import check_number, check_one_of, message
from ...core.live_scalar import LiveScalar
from .shared_arguments import seed_generator


@keras.saving.register_keras_serializable(package="occam")
class StochasticDepth(keras.layers.Layer):
    """Adds a residual branch to its shortcut, dropping the branch of each sample at random.

        y = shortcut + b * branch / (1 - rate),    b ~ Bernoulli(1 - rate) for each sample

    in training, and exactly `shortcut + branch` at inference. The branch is scaled up in training.
    The paper scales it down at inference instead, which is the same up to a factor in the weights.

    Args:
        rate: The probability of dropping the branch, in [0, 1). It can be changed at any time.
        seed: The integer seed of the draws, mixed with the layer's name. `None` draws one.

    Shapes: A list `[shortcut, branch]` of two tensors of one shape `(batch, ...)`. Returns their
    sum in this shape, with the mask of `keras.layers.Add`: the union of the masks of both, or none.

    Raises:
        ValueError: If `rate` is not in [0, 1), or the inputs are not two tensors of one shape.

    Example:

    >>> import numpy as np
    >>> x = np.ones((2, 3), "float32")
    >>> np.asarray(StochasticDepth(0.2)([x, 2 * x])).tolist()
    [[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]

    Reference: Huang et al., Deep Networks with Stochastic Depth, 2016,
    https://arxiv.org/abs/1603.09382
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def build(self, input_shape):
        pair = isinstance(input_shape, list | tuple) and len(input_shape) == 2
        if not pair or tuple(input_shape[0]) != tuple(input_shape[1]):
            raise ValueError(
                "`inputs` of StochasticDepth must be [shortcut, branch], two tensors of one "
                f"shape. Received: shapes {input_shape}"
            )

    def call(self, inputs, training=False):
        shortcut, branch = inputs
        if not training:
            return shortcut + branch
        return shortcut + sample_gate(branch, self._rate, self.seed_generator) * branch

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def compute_mask(self, inputs, previous_mask):
        return mask_of_sum(*previous_mask) if previous_mask is not None else None

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def sample_gate(branch, rate, seed):
    """Return a random `b / (1 - rate)` for each sample, `(batch, 1, ...)`, in the branch's type."""
    one_per_sample = (ops.shape(branch)[0], *(1,) * (len(branch.shape) - 1))
    uniform = keras.random.uniform(one_per_sample, dtype="float32", seed=seed)
    return ops.cast(ops.cast(uniform >= rate, "float32") / (1.0 - rate), branch.dtype)


def mask_of_sum(shortcut, branch):
    """Return the mask of a sum from the masks of its terms, as `keras.layers.Add` does."""
    if shortcut is None or branch is None:
        return None
    return ops.logical_or(shortcut, branch)


def depth_rates(
    final: float, stages: Sequence[int], rule: Literal["linear", "uniform", "stagewise"] = "linear"
) -> tuple[float, ...]:
    """Return one drop rate for each residual block of a model, in their order.

    Args:
        final: The drop rate of the last block, in [0, 1).
        stages: The number of blocks in each stage of the model.
        rule: `"linear"` rises evenly from 0 at the first block, as in the paper. `"uniform"` gives
            all blocks the rate `final`. `"stagewise"` rises evenly from stage to stage.

    Raises:
        ValueError: If `final` is not in [0, 1), a stage has no block, or `rule` is another word.

    Example:

    >>> depth_rates(0.5, (2, 3))
    (0.0, 0.125, 0.25, 0.375, 0.5)
    >>> depth_rates(0.5, (2, 3), "uniform")
    (0.5, 0.5, 0.5, 0.5, 0.5)
    >>> depth_rates(0.5, (2, 3), "stagewise")
    (0.0, 0.0, 0.5, 0.5, 0.5)

    Reference: As in `StochasticDepth`, section 3.
    """
    check_number("final", final, "[0, 1)")
    check_one_of("rule", rule, ("linear", "uniform", "stagewise"))
    if not stages or min(stages) < 1:
        raise ValueError(message("stages", stages, "the numbers of blocks, each 1 or more"))
    if rule == "linear":
        return linear_depth_rates(final, sum(stages))
    if rule == "uniform":
        return (final,) * sum(stages)
    by_stage = zip(linear_depth_rates(final, len(stages)), stages, strict=True)
    return tuple(rate for rate, blocks in by_stage for _ in range(blocks))


def linear_depth_rates(final: float, blocks: int) -> tuple[float, ...]:
    """Return the drop rates of `blocks` residual blocks, rising evenly from 0 to exactly `final`.

    The first block is always kept; in the paper, the first rate is `final / blocks`.

    >>> linear_depth_rates(0.5, 3)
    (0.0, 0.25, 0.5)
    >>> linear_depth_rates(0.5, 1)
    (0.5,)
    """
    check_number("final", final, "[0, 1)")
    if blocks == 1:
        return (final,)
    return tuple(final * (block / (blocks - 1)) for block in range(blocks))
