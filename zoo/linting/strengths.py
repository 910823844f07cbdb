"""What is in a regularizer: its strengths, and how it is written."""

from typing import Any

from ..calls import as_call
from ..regularizers import GroupLasso

__all__ = ["as_text", "l1_strength", "l2_strength"]


def l1_strength(regularizer: Any) -> float:
    """The strength of |W| in a regularizer, or of the norms of groups, which is alike at 0.

    >>> import keras
    >>> l1_strength(keras.regularizers.L1L2(l1=0.5, l2=1.0))
    0.5
    """
    if isinstance(regularizer, GroupLasso):
        return regularizer.factor
    return _strength(regularizer, "l1", l1_strength)


def l2_strength(regularizer: Any) -> float:
    """The strength of W^2 in a regularizer."""
    return _strength(regularizer, "l2", l2_strength)


def _strength(regularizer: Any, name: str, of: Any) -> float:
    """The attribute that Keras and this package call so, or the sum of that of the terms."""
    terms = getattr(regularizer, "terms", None)
    if isinstance(terms, list | tuple):
        return sum(of(term) for term in terms)
    try:
        return float(getattr(regularizer, name, 0.0))
    except (TypeError, ValueError):  # a regularizer of another make, that means something else
        return 0.0


def as_text(regularizer: Any) -> str:
    """The regularizer as the call that makes it; anything else as it is printed.

    >>> import keras
    >>> as_text(keras.regularizers.L2(0.5)), as_text("l2")
    ('L2(l2=0.5)', "'l2'")
    """
    return as_call(regularizer) if hasattr(regularizer, "get_config") else repr(regularizer)
