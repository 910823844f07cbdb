"""The drop rates of the residual blocks of a model, from the first to the last."""

from collections.abc import Sequence
from typing import Literal

from ...core.checks import check_number, check_one_of


def depth_rates(
    final: float,
    stages: Sequence[int],
    rule: Literal["linear", "uniform", "stagewise"] = "linear",
) -> tuple[float, ...]:
    """Return one drop rate for each residual block of a model, in their order.

    The rate of the last block is exactly `final` with each rule.

    Args:
        final: The drop rate of the last block, in [0, 1).
        stages: The number of blocks in each stage of the model.
        rule: `"linear"` rises evenly from 0 at the first block, as in the paper. `"uniform"` gives
            all blocks the same rate. `"stagewise"` gives all blocks of a stage the same rate and
            rises evenly from 0 in the first stage.

    Raises:
        ValueError: If `final` is not in [0, 1), a stage has no block, or `rule` is another word.

    Example:

    >>> depth_rates(0.5, (2, 3))
    (0.0, 0.125, 0.25, 0.375, 0.5)
    >>> depth_rates(0.5, (2, 3), "uniform")
    (0.5, 0.5, 0.5, 0.5, 0.5)
    >>> depth_rates(0.5, (2, 3), "stagewise")
    (0.0, 0.0, 0.5, 0.5, 0.5)

    Reference: Huang et al., Deep Networks with Stochastic Depth, 2016, section 3,
    https://arxiv.org/abs/1603.09382
    """
    check_number("final", final, "[0, 1)")
    check_one_of("rule", rule, ("linear", "uniform", "stagewise"))
    if not stages or min(stages) < 1:
        raise ValueError(
            f"`stages` must be the numbers of blocks, each 1 or more. Received: stages={stages!r}"
        )
    if rule == "linear":
        return linear_depth_rates(final, sum(stages))
    if rule == "uniform":
        return (final,) * sum(stages)
    by_stage = zip(linear_depth_rates(final, len(stages)), stages, strict=True)
    return tuple(rate for rate, blocks in by_stage for _ in range(blocks))


def linear_depth_rates(final: float, blocks: int) -> tuple[float, ...]:
    """Return the drop rates of `blocks` residual blocks, rising evenly from 0 to exactly `final`.

    Huang et al. count the input as block 0. Here, block 0 is the first block, which is always kept.

    >>> linear_depth_rates(0.5, 3)
    (0.0, 0.25, 0.5)
    >>> linear_depth_rates(0.5, 1)
    (0.5,)
    """
    check_number("final", final, "[0, 1)")
    if blocks == 1:
        return (final,)
    return tuple(final * (block / (blocks - 1)) for block in range(blocks))
