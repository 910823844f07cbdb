"""What to change and by how much, in sentences, the first thing first."""

import math

from .curves import Curves
from .thresholds import GAP, POWER, PRESENT, TARGET, WIDE

__all__ = ["anything", "capacity", "data", "longer", "more", "nothing", "relax", "slower", "stop"]


def slower(curves: Curves) -> list[str]:
    """Of a training that diverged."""
    return [
        "Divide the learning rate by 10, and warm it up.",
        "Clip the gradients (clipnorm=1), and look for inputs or targets that are not scaled.",
    ]


def longer(curves: Curves) -> list[str]:
    """Of one that was still going on."""
    return [f"Train at least twice as long: {2 * (curves.epochs[-1] + 1)} epochs."]


def relax(curves: Curves) -> list[str]:
    """Less regularization, by how much it is now; then more capacity."""
    lines = []
    part = curves.penalty_share or 0.0
    if part > PRESENT:
        # The penalty is linear in lambda at these weights; they will grow, and so will it.
        factor = min(0.1, TARGET / (1 - TARGET) * (1 - part) / part)
        lines.append(
            f"Reduce lambda, the penalties' strength, to {max(0.001, factor):.2g} of what it is: "
            f"the penalty is {part:.0%} of the loss."
        )
    if (curves.share or 0.0) - part > PRESENT:
        lines.append("Halve the rates of dropout and noise, and take a weaker augmentation.")
    return [*lines, "If that does not help, more capacity: twice the width."]


def capacity(curves: Curves) -> list[str]:
    """For what is too simple."""
    return [
        "More capacity: twice the width, or a block more.",
        "If regularization is on and not logged: reduce lambda to 0.1 of what it is, and halve the "
        "rates of dropout.",
        "If labels are noisy: give what the best model can reach as `irreducible`.",
    ]


def anything(curves: Curves) -> list[str]:
    """Where nothing was learned, several things may be wrong."""
    return [
        *(relax(curves)[:-1] if (curves.share or 0.0) > PRESENT else []),
        "Try the learning rate times 10 and divided by 10.",
        "Check that a few samples can be learned by heart without any regularization: if not, "
        "inputs, labels or the loss are wrong.",
    ]


def stop(curves: Curves) -> list[str]:
    """The epoch to stop at, and more regularization."""
    return [f"Stop earlier: at epoch {(curves.best_epoch or 0) + 1}.", *more(curves)]


def more(curves: Curves) -> list[str]:
    """More regularization, in larger steps for a wide gap."""
    wide = curves.gap > WIDE
    return [
        f"Raise dropout by {0.2 if wide else 0.1}, and augment more: one level stronger.",
        f"Multiply lambda, the penalties' strength, by {10 if wide else 3}; begin with 1e-4.",
    ]


def data(curves: Curves) -> list[str]:
    """What more data would bring, and what to do without."""
    # Half the gap lies above the common limit, and shrinks with a power of the sample size.
    saved = curves.gap / 2 * (1 - 2**-POWER)
    ratio = min(30.0, curves.gap / GAP) ** (1 / POWER)
    return [
        f"More data: twice as many samples would bring the validation loss to about "
        f"{curves.loss(curves.validation[-1] - saved)}, {math.ceil(ratio)} times as many the gap "
        f"to {curves.difference(GAP)}.",
        "Without more: pretrained weights, or augmentation that is true to the data. More of the "
        "same penalties would cost on the training side what they gain.",
    ]


def nothing(curves: Curves) -> list[str]:
    """Nothing."""
    return []
