"""The drop rates of a model's residual blocks, from the first to the last."""

from collections.abc import Sequence
from typing import Literal

__all__ = ["depth_rates", "linear_depth_rates"]


def depth_rates(
    final: float,
    stages: Sequence[int],
    rule: Literal["linear", "uniform", "stagewise"] = "linear",
) -> tuple[float, ...]:
    """One drop rate for each residual block of a model, in their order.

    Whatever the rule, the last block's rate is exactly `final`.

    Args:
        final: drop rate of the last block, in [0, 1).
        stages: number of blocks in each stage of the model.
        rule: `"linear"`: rising evenly from 0 at the first block, as in the reference;
            `"uniform"`: the same for all; `"stagewise"`: the same for all blocks of a stage, rising
            evenly from 0 in the first stage.

    Raises:
        ValueError: `final` is not in [0, 1), a stage has no block, or `rule` is another word.

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
    _check(final, stages)
    if rule == "linear":
        return linear_depth_rates(final, sum(stages))
    if rule == "uniform":
        return (final,) * sum(stages)
    if rule == "stagewise":
        by_stage = linear_depth_rates(final, len(stages))
        pairs = zip(by_stage, stages, strict=True)
        return tuple(rate for rate, blocks in pairs for _ in range(blocks))
    raise ValueError(
        f'depth_rates: `rule` must be "linear", "uniform" or "stagewise". Received: rule={rule!r}'
    )


def linear_depth_rates(final: float, blocks: int) -> tuple[float, ...]:
    """The drop rates of `blocks` residual blocks, rising evenly from 0 to exactly `final`.

    Huang et al. count the input as block 0; here the first block is, so that it is always kept.

    >>> linear_depth_rates(0.5, 3)
    (0.0, 0.25, 0.5)
    >>> linear_depth_rates(0.5, 1)
    (0.5,)
    """
    if not 0 <= final < 1:
        raise ValueError(f"depth_rates: `final` must be in [0, 1). Received: final={final!r}")
    if blocks == 1:
        return (final,)
    return tuple(final * (block / (blocks - 1)) for block in range(blocks))


def _check(final: float, stages: Sequence[int]):
    if not 0 <= final < 1:
        raise ValueError(f"depth_rates: `final` must be in [0, 1). Received: final={final!r}")
    if not stages or min(stages) < 1:
        raise ValueError(
            "depth_rates: `stages` must be the numbers of blocks, each 1 or more. "
            f"Received: stages={stages!r}"
        )
