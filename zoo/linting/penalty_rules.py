"""Penalties on the wrong variables or outputs, or of the wrong kind."""

from collections.abc import Iterator
from typing import Any

import keras

from .kinds import is_normalization, passes_on
from .rule import Found, rule
from .strengths import as_text, l1_strength
from .training import Training
from .view import View

__all__ = []

_PROBABILITIES = (keras.activations.softmax, keras.activations.sigmoid)
_NONLINEAR = (
    keras.layers.Softmax,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.PReLU,
)


@rule("OCC103", "a penalty on a bias or on normalization")
def penalty_on_bias_or_normalization(view: View, training: Training) -> Iterator[Found]:
    """A penalty where there is no complexity to pay for: biases, scales and offsets."""

    def acting(variable: Any) -> Any:
        acts = variable.regularizer is not None and view.trains(variable)
        return acts and (as_text(variable.regularizer), "bias" in variable.name)

    for place, names, (penalty, bias) in view.variables(acting):
        if bias or is_normalization(place.layer):
            yield (
                place.path,
                f"{penalty} pulls {names} towards 0, which makes the model no simpler: "
                + ("it shifts outputs only." if bias else "the next layer scales back."),
                f"Make the layer without the penalty on {names}.",
            )


@rule("OCC104", "a penalty on a frozen variable")
def penalty_on_frozen(view: View, training: Training) -> Iterator[Found]:
    """A penalty that Keras leaves out of the loss, because its variable is not trained.

    LoRA freezes a kernel and penalizes its two factors instead: that is as it should be.
    """

    def left_out(variable: Any) -> Any:
        idle = variable.regularizer is not None and not view.trains(variable)
        return idle and as_text(variable.regularizer)

    for place, names, penalty in view.variables(left_out):
        if not getattr(place.layer, "lora_enabled", False):
            yield (
                place.path,
                f"the penalty {penalty} of the frozen {names} is not in the loss.",
                "Set `trainable = True` and compile again, or take the regularizer away.",
            )


@rule("OCC105", "an activity regularizer on logits")
def activity_regularizer_on_logits(view: View, training: Training) -> Iterator[Found]:
    """A penalty on what the model says, not on how it comes to say it.

    Outputs are logits if softmax or sigmoid follows, or if the loss is a cross-entropy.
    """
    for output, loss in view.outputs():
        behind = list(view.before(output, passes_on)) if passes_on(output.layer) else []
        if not (_is_crossentropy(loss) or _gives_probabilities(output.layer)):
            continue
        for call in [output, *behind]:
            penalty = getattr(call.layer, "activity_regularizer", None)
            if penalty is not None and _is_linear(call.layer):
                yield (
                    call.path,
                    f"{as_text(penalty)} pulls the logits towards 0, and every prediction towards "
                    "indifference, however sure the data is.",
                    "Penalize hidden activations; for less sure predictions smooth the labels.",
                )


@rule("OCC106", "an L1 penalty without a proximal step, where zeros are expected")
def l1_without_proximal_step(view: View, training: Training) -> Iterator[Found]:
    """Gradient steps on |W| jump over 0 and never stay there (needs `expect_zeros`)."""
    if not training.expect_zeros or _has_proximal_step(view, training):
        return

    def sparse(variable: Any) -> Any:
        trained = view.trains(variable) and l1_strength(variable.regularizer)
        return trained and as_text(variable.regularizer)

    for place, names, penalty in view.variables(sparse):
        yield (
            place.path,
            f"{penalty} with a gradient step leaves weights of {names} near 0, none at 0.",
            "Take it off, and give the callbacks a ProximalPenalty in its place.",
        )


def _is_crossentropy(loss: Any) -> bool:
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return "crossentropy" in name.lower()


def _gives_probabilities(layer: Any) -> bool:
    if getattr(layer, "activation", None) in _PROBABILITIES:
        return True
    return type(layer).__name__ in ("Softmax", "Sigmoid")  # a layer, or an operation of keras.ops


def _is_linear(layer: Any) -> bool:
    activation = getattr(layer, "activation", keras.activations.linear)
    return activation is keras.activations.linear and not isinstance(layer, _NONLINEAR)


def _has_proximal_step(view: View, training: Training) -> bool:
    """By the name of a callback's or the optimizer's class, or an optimizer that has one."""
    ftrl = isinstance(view.optimizer, keras.optimizers.Ftrl)
    if ftrl and view.optimizer.l1_regularization_strength > 0:
        return True
    classes = [c for part in (*training.callbacks, view.optimizer) for c in type(part).__mro__]
    return any("proximal" in cls.__name__.lower() for cls in classes)
