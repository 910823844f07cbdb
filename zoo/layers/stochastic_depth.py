"""`StochasticDepth`: the sum of a residual block, its branch dropped at random in training."""

import keras
from keras import ops

from .scalar_weight import ScalarWeight

__all__ = ["StochasticDepth", "linear_depth_rates"]


@keras.saving.register_keras_serializable(package="occam")
class StochasticDepth(keras.layers.Layer):
    """Adds a residual branch to its shortcut, dropping the branch of each sample at random.

        y = shortcut + b * branch / (1 - rate),    b ~ Bernoulli(1 - rate) for each sample

    in training, and exactly `shortcut + branch` otherwise. The branch is scaled up in training
    instead of down at inference as in the paper, which is the same up to a factor in the weights
    and lets inference be a plain sum.

    Args:
        rate: probability of dropping the branch, in [0, 1); assignable at any time.
        seed: integer seed of the draws; `None` draws one.

    Shapes: a list `[shortcut, branch]` of two tensors of one shape `(batch, ...)`; so is the sum.

    Raises:
        ValueError: `rate` is not in [0, 1), or the inputs are not two tensors of one shape.

    Example:

    >>> import numpy as np
    >>> x = np.ones((2, 3), "float32")
    >>> np.asarray(StochasticDepth(0.2)([x, 2 * x])).tolist()
    [[3.0, 3.0, 3.0], [3.0, 3.0, 3.0]]

    Reference: Huang et al., Deep Networks with Stochastic Depth, 2016,
    https://arxiv.org/abs/1603.09382
    """

    rate = ScalarWeight(below=1.0)

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        pair = isinstance(input_shape, list | tuple) and len(input_shape) == 2
        if not pair or tuple(input_shape[0]) != tuple(input_shape[1]):
            raise ValueError(
                "StochasticDepth expects [shortcut, branch], two tensors of one shape. "
                f"Received shapes: {input_shape}"
            )

    def call(self, inputs, training=False):
        shortcut, branch = inputs
        if not training:
            return shortcut + branch
        one_per_sample = (ops.shape(branch)[0], *(1,) * (len(branch.shape) - 1))
        uniform = keras.random.uniform(one_per_sample, dtype="float32", seed=self.seed_generator)
        gate = ops.cast(uniform >= self._rate, "float32") / (1.0 - self._rate)
        return shortcut + ops.cast(gate, branch.dtype) * branch

    def compute_output_shape(self, input_shape):
        return input_shape[0]

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


def linear_depth_rates(final: float, blocks: int) -> tuple[float, ...]:
    """The drop rates of `blocks` residual blocks, rising evenly from 0 to exactly `final`.

    Huang et al. count the input as block 0; here the first block is, so that it is always kept.

    >>> linear_depth_rates(0.5, 3)
    (0.0, 0.25, 0.5)
    >>> linear_depth_rates(0.5, 1)
    (0.5,)
    """
    if blocks == 1:
        return (final,)
    return tuple(final * (block / (blocks - 1)) for block in range(blocks))
