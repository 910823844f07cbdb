"""`lint`: mistakes in the regularization of a Keras model."""

from collections.abc import Iterable, Sequence

import keras

from ...core.checks import check_type

# These modules register their rules.
from . import call_rules, decay_rules, dropout_rules, penalty_rules, training_rules  # noqa: F401
from .rule import RULES, Finding, Targets, Training
from .view import View


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
    """Find mistakes in the regularization of any Keras model, without changing it.

    Rules about the order of layers see functional and sequential models, nested ones too, but not
    the `call` of a subclassed one. docs/lint.md lists the rules.

    Args:
        model: A built Keras model.
        compiled: Whether to check the optimizer and the loss of a compiled model (OCC105, OCC201,
            OCC202, OCC501).
        callbacks: The callbacks of `fit`: patience (OCC502), and the proximal step (OCC106).
        batch_size: The number of samples that a BatchNorm sees at once (OCC503).
        targets: The labels in training: `"hard"`, `"smoothed"` by the data pipeline, `"mixed"`
            (mixup, CutMix) or `"distilled"` from a teacher (OCC501).
        for_export: Whether `model.export()` will be called (OCC303).
        expect_zeros: Whether weights should become exactly 0 (OCC106).
        ignore: Codes of rules to leave out.

    Returns:
        The findings, by code and then in the order of the layers.

    Raises:
        ValueError: If the model is not built, `ignore` has an unknown code, or another argument is
            out of range.
        TypeError: If `model` is not a Keras model, or `callbacks` is not a list of callbacks.

    Example:

    >>> layer = keras.layers.Dense(3, name="dense")
    >>> model = keras.Sequential([keras.Input((4,)), layer])
    >>> layer.kernel_regularizer = keras.regularizers.L2(0.01)  # does nothing
    >>> for finding in lint(model):
    ...     print(finding.code, finding.path)
    OCC101 dense
    """
    check_type("model", model, keras.Model, "a keras.Model")
    if not model.built:
        raise ValueError(
            "`model` must be built: give it an Input, or call it once. "
            f"Received: {model.name!r}, which has no weights yet"
        )
    if isinstance(ignore, str) or (unknown := sorted(set(ignore) - set(RULES))):
        received = ignore if isinstance(ignore, str) else ", ".join(unknown)
        raise ValueError(
            f"`ignore` must be a list of codes among {', '.join(sorted(RULES))}. "
            f"Received: {received}"
        )
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
    return list(dict.fromkeys(findings))  # two models may share a layer
