"""OCC1: penalties that are inactive, on the wrong variables or outputs, or of the wrong kind."""

from collections.abc import Iterator
from typing import Any

import keras

from ...core.layer_kinds import Kind, is_normalization, kind_of
from ..calls import as_call, config_of
from ..regularizers import GroupLasso
from .rule import Found, Training, rule
from .view import Place, View, is_user_defined, passes_on

_REGULARIZER = "_regularizer"
_PROBABILITIES = (keras.activations.softmax, keras.activations.sigmoid)


@rule("OCC101", "a configured regularizer that is inactive")
def inactive_regularizer(view: View, training: Training) -> Iterator[Found]:
    """A regularizer in a layer's attribute that is not on its variable.

    Keras reads the attribute only when it builds the layer. A user-defined `build` may use it
    differently, and is not checked.
    """
    for place in view.owners:
        if is_user_defined(place.layer, "build") or not place.layer.built:
            continue
        for stem, wanted in _attributes(place.layer):
            if wanted is None or _is_active(place, stem, wanted):
                continue
            yield (
                place.path,
                f"`{stem}{_REGULARIZER}` is {as_text(wanted)}, but "
                f"{_actual_penalty(place, stem)}: the loss has no such term.",
                "Set it when the layer is made; `occam.zoo.regularize` does it for a built model.",
            )


@rule("OCC102", "an active penalty that saving loses")
def unsaved_regularizer(view: View, training: Training) -> Iterator[Found]:
    """A variable's regularizer that is not in the layer's attribute, which is saved."""
    for place in view.owners:
        for stem, wanted in _attributes(place.layer):
            variable = _variable(place, stem)
            if wanted is None and variable is not None and variable.regularizer is not None:
                yield (
                    place.path,
                    f"`{variable.name}` has the penalty {as_text(variable.regularizer)}, but "
                    f"`{stem}{_REGULARIZER}` is None: a copy and a saved model are without it.",
                    f"Set `{stem}{_REGULARIZER}` to the same regularizer.",
                )


@rule("OCC103", "a penalty on a bias or on normalization")
def penalty_on_bias_or_normalization(view: View, training: Training) -> Iterator[Found]:
    """A penalty on biases, scales or offsets, which hold no complexity."""

    def acting(variable: Any) -> Any:
        acts = variable.regularizer is not None and view.trains(variable)
        return acts and (as_text(variable.regularizer), "bias" in variable.name)

    for place, names, (penalty, bias) in view.variables(acting):
        if bias or is_normalization(place.layer):
            yield (
                place.path,
                f"{penalty} pulls {names} towards 0, which has no regularizing effect: "
                + ("it shifts outputs only." if bias else "the next layer scales back."),
                f"Make the layer without the penalty on {names}.",
            )


@rule("OCC104", "a penalty on a frozen variable")
def penalty_on_frozen(view: View, training: Training) -> Iterator[Found]:
    """A penalty that Keras leaves out of the loss, because its variable is not trained.

    LoRA freezes a kernel and penalizes its two factors, which is correct.
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
    """A penalty on logits: softmax or sigmoid follows, or the loss is a cross-entropy."""
    for output, loss in view.outputs():
        behind = list(view.before(output, passes_on)) if passes_on(output.operation) else []
        if not (_is_crossentropy(loss) or _gives_probabilities(output.operation)):
            continue
        for call in [output, *behind]:
            penalty = getattr(call.operation, "activity_regularizer", None)
            if penalty is not None and _is_linear(call.operation):
                yield (
                    call.path,
                    f"{as_text(penalty)} pulls the logits towards 0, and every prediction towards "
                    "indifference, whatever the data.",
                    "Penalize hidden activations; for less confidence smooth the labels.",
                )


@rule("OCC106", "an L1 penalty without a proximal step, where zeros are expected")
def l1_without_proximal_step(view: View, training: Training) -> Iterator[Found]:
    """Gradient steps on |W|, which jump over 0 (needs `expect_zeros`)."""
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


def l1_strength(regularizer: Any) -> float:
    """Return the strength of |W|, or of the norms of groups, in a regularizer.

    >>> l1_strength(keras.regularizers.L1L2(l1=0.5, l2=1.0))
    0.5
    """
    if isinstance(regularizer, GroupLasso):
        return regularizer.factor
    return _strength(regularizer, "l1", l1_strength)


def l2_strength(regularizer: Any) -> float:
    """Return the strength of W^2 in a regularizer."""
    return _strength(regularizer, "l2", l2_strength)


def _strength(regularizer: Any, name: str, of: Any) -> float:
    """Return a strength of a regularizer; of a sum, the sum over its terms."""
    terms = getattr(regularizer, "terms", None)
    if isinstance(terms, list | tuple):
        return sum(of(term) for term in terms)
    try:
        return float(getattr(regularizer, name, 0.0))
    except (TypeError, ValueError):  # a user-defined regularizer with another meaning
        return 0.0


def as_text(regularizer: Any) -> str:
    """Return the call that makes a regularizer; anything else as it is printed.

    >>> as_text(keras.regularizers.L2(0.5)), as_text("l2")
    ('L2(l2=0.5)', "'l2'")
    """
    return as_call(regularizer) if hasattr(regularizer, "get_config") else repr(regularizer)


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield each attribute `<stem>_regularizer` of a layer as its stem and value.

    `activity_regularizer` is read at each call: it is always active.
    """
    for name, value in list(vars(layer).items()):
        stem = name.removesuffix(_REGULARIZER)
        penalty = value is None or callable(value) or isinstance(value, str | dict)
        if stem != name and stem != "activity" and not name.startswith("_") and penalty:
            yield stem, value


def _variable(place: Place, stem: str) -> Any:
    """Return the layer's own variable that `<stem>_regularizer` is for, or `None`."""
    own = {id(v): v for v in place.variables}
    names = (f"{stem}_kernel", "kernel") if stem == "depthwise" else (stem, f"{stem}_kernel")
    for name in names:
        for attribute in (name, f"_{name}"):
            # vars first: with LoRA, `kernel` is computed, and `_kernel` the variable
            value = vars(place.layer).get(attribute)
            if id(value) in own:
                return value
    return None


def _is_active(place: Place, stem: str, wanted: Any) -> bool:
    variable = _variable(place, stem)
    if variable is None:  # the layer may have handed it on to inner layers
        return any(_same(v.regularizer, wanted) for v in place.layer.weights)
    quantized = "int" in keras.backend.standardize_dtype(variable.dtype)
    return quantized or _same(variable.regularizer, wanted)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or not hasattr(one, "get_config"):
        return False
    return config_of(one) == config_of(other)  # two without a config show no difference


def _actual_penalty(place: Place, stem: str) -> str:
    variable = _variable(place, stem)
    if variable is None:
        return f"the layer has no `{stem}` to penalize"
    has = "no penalty" if variable.regularizer is None else as_text(variable.regularizer)
    return f"`{variable.name}`, built before, has {has}"


def _is_crossentropy(loss: Any) -> bool:
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    return "crossentropy" in name.lower()


def _gives_probabilities(layer: Any) -> bool:
    if getattr(layer, "activation", None) in _PROBABILITIES:
        return True
    return type(layer).__name__ in ("Softmax", "Sigmoid")  # a layer, or an operation of keras.ops


def _is_linear(layer: Any) -> bool:
    if kind_of(layer) in (Kind.ACTIVATION, Kind.SOFTMAX) and not hasattr(layer, "activation"):
        return False
    activation = getattr(layer, "activation", keras.activations.linear)
    return activation is keras.activations.linear


def _has_proximal_step(view: View, training: Training) -> bool:
    # Ftrl has one; others are known by the name of their class.
    ftrl = isinstance(view.optimizer, keras.optimizers.Ftrl)
    if ftrl and view.optimizer.l1_regularization_strength > 0:
        return True
    classes = [c for part in (*training.callbacks, view.optimizer) for c in type(part).__mro__]
    return any("proximal" in cls.__name__.lower() for cls in classes)
