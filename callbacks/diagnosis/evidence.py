"""What the rules say of curves, in sentences with their numbers; epochs are counted from 1."""

from .curves import Curves

__all__ = ["gap", "levels", "not_finite", "pace", "share", "train_rose", "validation_rose"]


def levels(curves: Curves) -> list[str]:
    """Where the losses ended, against the baseline."""
    train, validation = curves.train[-1], curves.validation[-1]
    explained = " and ".join(f"{max(0.0, 1 - value):.0%}" for value in (train, validation))
    return [
        f"At epoch {curves.epochs[-1] + 1} the training loss is {curves.loss(train)}, the "
        f"validation loss {curves.loss(validation)}, that of a constant prediction "
        f"{curves.baseline:.4g}: {explained} of what can be learned is explained."
    ]


def not_finite(curves: Curves) -> list[str]:
    """Since when."""
    before = f", after {curves.loss(curves.train[-1])} before" if curves.epochs else ""
    return [f"The loss is not finite from epoch {(curves.broken or 0) + 1} on{before}."]


def train_rose(curves: Curves) -> list[str]:
    """What the training loss was at its least, and at the end."""
    least = curves.train.index(min(curves.train))
    return [
        f"The training loss is {curves.loss(curves.train[-1])} at epoch {curves.epochs[-1] + 1}, "
        f"at its least {curves.loss(curves.train[least])} at epoch {curves.epochs[least] + 1}, and "
        f"that of a constant prediction {curves.baseline:.4g}."
    ]


def validation_rose(curves: Curves) -> list[str]:
    """From which epoch on the validation loss rose, by how much, and the gap."""
    return [
        f"The validation loss rose from {curves.loss(curves.validation[curves.best])} at epoch "
        f"{(curves.best_epoch or 0) + 1} to {curves.loss(curves.validation[-1])} at epoch "
        f"{curves.epochs[-1] + 1}, and the gap to the training loss grew by "
        f"{curves.difference(curves.gap_growth)}.",
        *gap(curves),
    ]


def gap(curves: Curves) -> list[str]:
    """The gap at the end, in the loss and, if logged, in accuracy."""
    accuracy = curves.gap_accuracy
    more = f", that of the accuracy {accuracy:.3g}" if accuracy is not None else ""
    return [f"The gap is {curves.difference(curves.gap)}{more}."]


def pace(curves: Curves) -> list[str]:
    """How fast the validation loss still fell."""
    if len(curves.epochs) < 2:
        return ["One epoch shows no trend."]
    return [
        f"In the last quarter of the epochs the validation loss still fell by "
        f"{curves.difference(curves.fall)}."
    ]


def share(curves: Curves) -> list[str]:
    """How much of the loss is regularization."""
    if curves.share is None:
        return ["What regularization costs is not logged (LossLedger does)."]
    return [f"Of the loss that is minimized, {curves.share:.0%} is regularization."]
