"""`lint`: mistakes in the regularization of a Keras model."""

from collections.abc import Iterable, Sequence

import keras

from ...core.checks import check_type, message

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
    steps: int | None = None,
    targets: Targets = "hard",
    for_export: bool = False,
    expect_zeros: bool = False,
    ignore: Sequence[str] = (),
) -> list[Finding]:
    """Find mistakes in the regularization of any Keras model, without changing it.

    Rules about the order of layers cover functional and Sequential models, also nested ones, but
    not the `call` of a subclassed model. docs/lint.md lists the rules.

    Args:
        model: A built Keras model.
        compiled: Whether to check the optimizer and the loss of a compiled model (OCC105, OCC201,
            OCC202, OCC501).
        callbacks: The callbacks of `fit`: patience (OCC502), the proximal step (OCC106), and the
            statistics of BatchNorm (OCC504).
        batch_size: The number of samples in a batch of BatchNorm (OCC503).
        steps: The number of steps before the first validation (OCC504).
        targets: The labels in training: `"hard"`, `"smoothed"` by the data pipeline, `"mixed"`
            (mixup, CutMix) or `"distilled"` from a teacher (OCC501).
        for_export: Whether `model.export()` will be called (OCC303).
        expect_zeros: Whether weights should become exactly 0 (OCC106).
        ignore: The codes of rules to leave out.

    Returns:
        The findings, sorted by code and then by layer.

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
        expected = "built: give it a keras.Input, or call it once on data"
        raise ValueError(message("model", model, expected))
    if isinstance(ignore, str) or not set(ignore) <= set(RULES):
        expected = f"a list of codes among {', '.join(sorted(RULES))}"
        raise ValueError(message("ignore", ignore, expected))
    training = Training(
        callbacks=callbacks,
        batch_size=batch_size,
        steps=steps,
        targets=targets,
        for_export=for_export,
        expect_zeros=expect_zeros,
    )
    view = View(model, compiled)
    findings = [
        Finding(code, *found)
        for code, rule in sorted(RULES.items())
        if code not in ignore
        for found in rule.check(view, training)
    ]
    return list(dict.fromkeys(findings))  # two models may share a layer
