"""`lint`: what is wrong with the regularization of a Keras model."""

from collections.abc import Iterable, Sequence

import keras

from . import (  # noqa: F401  (they register their rules)
    attribute_rules,
    call_rules,
    decay_rules,
    dropout_rules,
    penalty_rules,
    training_rules,
)
from .finding import Finding
from .rule import RULES
from .training import Targets, Training
from .view import View

__all__ = ["lint"]


def lint(
    model: keras.Model,
    compiled: bool = True,
    *,
    callbacks: Iterable[keras.callbacks.Callback] = (),
    batch_size: int | None = None,
    targets: Targets = "hard",
    for_export: bool = False,
    expect_zeros: bool = False,
    ignore: Sequence[str] = (),
) -> list[Finding]:
    """Looks for mistakes in the regularization of any Keras model, and changes nothing.

    Penalties and rates are read off layers and variables at every depth, nested models and shared
    layers once. What depends on the order of layers is seen in functional and sequential models,
    also in nested ones, and not within the `call` of a subclassed one. The rules are listed in
    docs/lint.md.

    Args:
        model: a built Keras model, of the zoo or not.
        compiled: look at the optimizer and the loss, too, if the model is compiled: L2 together
            with weight decay (OCC201), decay on normalization (OCC202), label smoothing (OCC501),
            and logits that only a loss can tell from other outputs (OCC105).
        callbacks: those that `fit` gets: patience (OCC502), and the proximal step (OCC106).
        batch_size: number of samples that a BatchNorm sees at once: too few of them (OCC503).
        targets: what the labels in training are: `"hard"`, `"smoothed"` by the data pipeline,
            `"mixed"` (mixup, CutMix) or `"distilled"` from a teacher: label smoothing in the loss
            on top of it (OCC501).
        for_export: `model.export()` will be called: augmentation in the model (OCC303).
        expect_zeros: weights are to become exactly 0: L1 without a proximal step (OCC106).
        ignore: codes of rules to leave out.

    Returns:
        The findings, by code and then in the order of the layers; an empty list if there are none.

    Raises:
        ValueError: the model is not built, `ignore` has an unknown code, or another argument is
            out of range.
        TypeError: `model` is no Keras model.

    Example:

    >>> layer = keras.layers.Dense(3, name="dense")
    >>> model = keras.Sequential([keras.Input((4,)), layer])
    >>> layer.kernel_regularizer = keras.regularizers.L2(0.01)  # does nothing
    >>> for finding in lint(model):
    ...     print(finding.code, finding.path)
    OCC101 dense
    """
    _check(model, ignore)
    training = Training(
        callbacks=callbacks,
        batch_size=batch_size,
        targets=targets,
        for_export=for_export,
        expect_zeros=expect_zeros,
    )
    view = View(model, compiled)
    rules = (rule for code, rule in sorted(RULES.items()) if code not in ignore)
    findings = (finding for rule in rules for finding in rule.findings(view, training))
    return list(dict.fromkeys(findings))  # a layer that two models share is seen twice


def _check(model: object, ignore: Sequence[str]) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model. Received: {model!r}")
    if not model.built:
        raise ValueError(
            "model must be built: give it an Input, or call it once. "
            f"Received: {model.name!r}, which has no weights yet"
        )
    if isinstance(ignore, str) or (unknown := sorted(set(ignore) - set(RULES))):
        received = ignore if isinstance(ignore, str) else ", ".join(unknown)
        raise ValueError(
            f"ignore must be a list of codes among {', '.join(sorted(RULES))}. Received: {received}"
        )
