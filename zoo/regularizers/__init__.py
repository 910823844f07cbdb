"""Penalties whose strengths can be changed at any time; drop-in for `keras.regularizers`."""

from .group_lasso import GroupLasso
from .hoyer import Hoyer
from .lookup import get
from .norms import L1, L1L2, L2
from .orthogonal import Orthogonal
from .sum import Sum

__all__ = ["L1", "L1L2", "L2", "GroupLasso", "Hoyer", "Orthogonal", "Sum", "get"]
