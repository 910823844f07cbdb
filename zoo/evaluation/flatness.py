"""`Flatness`: how fast the data loss rises around the weights of a model."""

from dataclasses import dataclass
from typing import Any

from ...callbacks import SharpnessProbe
from ..robustness import HessianEigenvalue, LossLandscape, hessian_eigenvalue, loss_landscape
from .subject import LeftOut, Subject

_ROWS = 500


@dataclass(frozen=True, eq=False)
class Flatness:
    """The data loss around the weights, on rows of the training part, in inference mode.

    Args:
        rows: The number of rows.
        eigenvalue: The largest eigenvalue of the Hessian; see `zoo.robustness.hessian_eigenvalue`.
        random, worst: The rise of the loss if each filter changes by `rho` times its norm, as a
            mean over random directions and in the worst one; see `callbacks.SharpnessProbe`.
        rho: The relative size of that change.
        landscape: The loss along a random direction; see `zoo.robustness.loss_landscape`.
    """

    rows: int
    eigenvalue: HessianEigenvalue
    random: float
    worst: float
    rho: float
    landscape: LossLandscape

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {
            "rows": self.rows,
            "eigenvalue": self.eigenvalue.value,
            "residual": self.eigenvalue.residual,
            "sharpness": {"rho": self.rho, "random": self.random, "worst": self.worst},
        }


def judge_flatness(subject: Subject, seed: int) -> Flatness:
    """Measure the flatness of a compiled model on the first rows of the training part.

    Raises:
        LeftOut: If it is an ensemble, has no compiled loss or kernel, or no second derivative.
    """
    if subject.is_ensemble:
        raise LeftOut("evaluate the members one by one")
    (model,), (x, y) = subject.models, subject.inputs("train", _ROWS)
    probe = SharpnessProbe((x, y), seed=seed)
    probe.set_model(model)
    try:
        eigenvalue = hessian_eigenvalue(model, x, y, seed=seed)  # checks the model, too
        rises = probe.measure()
    except (ValueError, FloatingPointError, RuntimeError) as error:
        raise LeftOut(str(error)) from error
    return Flatness(
        rows=len(y),
        eigenvalue=eigenvalue,
        random=rises["sharpness/random"],
        worst=rises["sharpness/worst"],
        rho=probe.rho,
        landscape=loss_landscape(model, x, y, seed=seed),
    )
