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
    """A regularizer in an attribute of a layer that is not on its variable.

    Keras reads the attribute only when it builds the layer. Layers with a user-defined `build` are
    not checked.
    """
    for place in view.owners:
        if is_user_defined(place.layer, "build") or not place.layer.built:
            continue
        for stem, wanted in _attributes(place.layer):
            if wanted is None or _is_active(place, stem, wanted):
                continue
            yield (
                place.path,
                f"`{stem}{_REGULARIZER}` is {as_call(wanted)}, but "
                f"{_actual_penalty(place, stem)}: the loss has no such term.",
                "Set it when the layer is created, or use `occam.zoo.regularize` on a built model.",
            )


@rule("OCC102", "an active penalty that saving loses")
def unsaved_regularizer(view: View, training: Training) -> Iterator[Found]:
    """A regularizer on a variable that is not in the layer's attribute, so that it is not saved."""
    for place in view.owners:
        for stem, wanted in _attributes(place.layer):
            variable = _variable(place, stem)
            if wanted is None and variable is not None and variable.regularizer is not None:
                yield (
                    place.path,
                    f"`{variable.name}` has the penalty {as_call(variable.regularizer)}, but "
                    f"`{stem}{_REGULARIZER}` is None: a copy and a saved model lose it.",
                    f"Set `{stem}{_REGULARIZER}` to the same regularizer.",
                )


@rule("OCC103", "a penalty on a bias or on normalization")
def penalty_on_bias_or_normalization(view: View, training: Training) -> Iterator[Found]:
    """A penalty on biases, scales or offsets, which do not limit the complexity of a model."""

    def acting(variable: Any) -> Any:
        acts = variable.regularizer is not None and view.trains(variable)
        return acts and (as_call(variable.regularizer), "bias" in variable.name)

    for place, names, (penalty, bias) in view.variables(acting):
        if bias or is_normalization(place.layer):
            yield (
                place.path,
                f"{penalty} pulls {names} towards 0, which has no regularizing effect: "
                + ("it shifts outputs only." if bias else "the next layer scales back."),
                f"Create the layer without the penalty on {names}.",
            )


@rule("OCC104", "a penalty on a frozen variable")
def penalty_on_frozen(view: View, training: Training) -> Iterator[Found]:
    """A penalty that Keras leaves out of the loss because its variable is not trained.

    A kernel that LoRA freezes is correct: its two factors are penalized instead.
    """

    def left_out(variable: Any) -> Any:
        idle = variable.regularizer is not None and not view.trains(variable)
        return idle and as_call(variable.regularizer)

    for place, names, penalty in view.variables(left_out):
        if not getattr(place.layer, "lora_enabled", False):
            yield (
                place.path,
                f"the penalty {penalty} of the frozen {names} is not in the loss.",
                "Set `trainable = True` and compile again, or remove the regularizer.",
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
                    f"{as_call(penalty)} pulls the logits towards 0, and so every prediction "
                    "towards equal probabilities, whatever the data.",
                    "Penalize hidden activations; for less confidence, smooth the labels.",
                )


@rule("OCC106", "an L1 penalty without a proximal step, where zeros are expected")
def l1_without_proximal_step(view: View, training: Training) -> Iterator[Found]:
    """Gradient steps on |W|, which never stop at exactly 0 (needs `expect_zeros`)."""
    if not training.expect_zeros or _has_proximal_step(view, training):
        return

    def sparse(variable: Any) -> Any:
        trained = view.trains(variable) and strength(variable.regularizer, "l1")
        return trained and as_call(variable.regularizer)

    for place, names, penalty in view.variables(sparse):
        yield (
            place.path,
            f"{penalty} with a gradient step leaves weights of {names} near 0, but none at 0.",
            "Remove it, and add a ProximalPenalty to the callbacks instead.",
        )


def strength(regularizer: Any, name: str) -> float:
    """Return the strength `"l1"` or `"l2"` of a regularizer, in a sum of all its terms.

    >>> strength(keras.regularizers.L1L2(l1=0.5, l2=1.0), "l1")
    0.5
    """
    if name == "l1" and isinstance(regularizer, GroupLasso):
        return regularizer.factor
    terms = getattr(regularizer, "terms", None)
    if isinstance(terms, list | tuple):
        return sum(strength(term, name) for term in terms)
    try:
        return float(getattr(regularizer, name, 0.0))
    except (TypeError, ValueError):  # a user-defined regularizer with another meaning
        return 0.0


def _attributes(layer: Any) -> Iterator[tuple[str, Any]]:
    """Yield the stem and value of each `<stem>_regularizer` that Keras reads in `build` only."""
    for name, value in list(vars(layer).items()):
        stem = name.removesuffix(_REGULARIZER)
        penalty = value is None or callable(value) or isinstance(value, str | dict)
        if stem != name and stem != "activity" and not name.startswith("_") and penalty:
            yield stem, value


def _variable(place: Place, stem: str) -> Any:
    """Return the layer's own variable for `<stem>_regularizer`, or `None`."""
    own = {id(v): v for v in place.variables}
    names = (f"{stem}_kernel", "kernel") if stem == "depthwise" else (stem, f"{stem}_kernel")
    for name in names:
        for attribute in (name, f"_{name}"):
            # Not getattr: with LoRA, `kernel` is a property, and `_kernel` the variable.
            value = vars(place.layer).get(attribute)
            if id(value) in own:
                return value
    return None


def _is_active(place: Place, stem: str, wanted: Any) -> bool:
    variable = _variable(place, stem)
    if variable is None:  # the layer may have passed it to inner layers
        return any(_same(v.regularizer, wanted) for v in place.layer.weights)
    quantized = "int" in keras.backend.standardize_dtype(variable.dtype)
    return quantized or _same(variable.regularizer, wanted)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if type(one) is not type(other) or not hasattr(one, "get_config"):
        return False
    return config_of(one) == config_of(other)


def _actual_penalty(place: Place, stem: str) -> str:
    variable = _variable(place, stem)
    if variable is None:
        return f"the layer has no `{stem}` to penalize"
    has = "no penalty" if variable.regularizer is None else as_call(variable.regularizer)
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
