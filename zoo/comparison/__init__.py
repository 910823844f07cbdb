"""Compare runs of several configurations and seeds: what differs, and what it is worth."""

from .compare import compare
from .comparison import Comparison
from .groups import Group, Seed
from .paired import Difference, holm, paired_difference

__all__ = [
    "Comparison",
    "Difference",
    "Group",
    "Seed",
    "compare",
    "holm",
    "paired_difference",
]
