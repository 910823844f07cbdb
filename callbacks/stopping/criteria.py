"""`make_criterion`: what tells that it is time to stop."""

from .generalization_loss import GeneralizationLoss
from .patience import Patience
from .successive_increases import SuccessiveIncreases

__all__ = ["Criterion", "make_criterion"]

Criterion = Patience | GeneralizationLoss | SuccessiveIncreases


def make_criterion(
    criterion: str,
    patience: int,
    alpha: float | None,
    strips: int | None,
    strip_length: int | None,
) -> Criterion:
    """The criterion of that name, of the arguments that are its own.

    Raises:
        ValueError: an unknown name, an argument out of range, or one that the criterion does not
            have and would ignore.

    >>> make_criterion("gl", patience=0, alpha=None, strips=None, strip_length=None).alpha
    5.0
    """
    given = {"patience": patience or None, "alpha": alpha, "strips": strips}
    given["strip_length"] = strip_length
    own = {"patience": ("patience",), "gl": ("alpha",), "up": ("strips", "strip_length")}
    if criterion not in own:
        raise ValueError(
            f"criterion must be 'patience', 'gl' or 'up'. Received: criterion={criterion!r}"
        )
    for name, value in given.items():
        if value is not None and name not in own[criterion]:
            raise ValueError(
                f"{name} has no meaning for criterion={criterion!r}, which takes "
                f"{' and '.join(own[criterion])}. Received: {name}={value!r}"
            )
    if criterion == "gl":
        return GeneralizationLoss(_alpha(5.0 if alpha is None else alpha))
    if criterion == "up":
        return SuccessiveIncreases(
            _at_least_one("strips", 3 if strips is None else strips),
            _at_least_one("strip_length", 5 if strip_length is None else strip_length),
        )
    return Patience(patience)


def _alpha(alpha: float) -> float:
    if not alpha > 0:
        raise ValueError(f"alpha must be positive, in percent. Received: alpha={alpha!r}")
    return float(alpha)


def _at_least_one(name: str, value: int) -> int:
    if not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} must be an integer of at least 1. Received: {name}={value!r}")
    return value
