"""Penalties with live strengths, drop-in replacements for `keras.regularizers`."""

from .group_lasso import GroupLasso
from .hoyer import Hoyer
from .lookup import Sum, get, penalty_of
from .norms import L1, L1L2, L2
from .orthogonal import Orthogonal

__all__ = ["L1", "L1L2", "L2", "GroupLasso", "Hoyer", "Orthogonal", "Sum", "get", "penalty_of"]
