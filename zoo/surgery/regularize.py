"""`regularize`: copy any Keras model with its weights, and regularize the copy."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ...core.checks import check_type
from ...core.model_graph import LocatedLayer, ModelGraph, can_be_rebuilt
from ..calls import as_call
from ..models.blueprint import blueprint_of
from ..models.registry import preset
from ..regularization import Regularization
from .batch_augmentation import batch_augmentation
from .copier import Copier, Edits, prepared, seed_source
from .insertion import Insertion
from .penalties import Penalties, subclassed
from .report import Ledger, SurgeryReport
from .rules import Skip, parse_rules

_OF_THE_UPDATE = ("weight_decay", "sam_rho")


def regularize(
    model: keras.Model,
    regularization: Regularization | str | None = None,
    *,
    rules: Mapping[Any, Any] | None = None,
    skip: Sequence[Any] = ("bias", "normalization"),
    input_shape: tuple[int, ...] | None = None,
    value_range: Any = None,
    seed: int | None = None,
) -> tuple[keras.Model, SurgeryReport]:
    """Copy a model with its weights, bit by bit, and give the copy penalties, dropout and noise.

    Setting `layer.kernel_regularizer` on a built layer does nothing. Here each layer is made anew
    from a config with the penalties, and gets the weights of the original, so that penalties
    survive `save`, `load_model` and `clone_model`. At inference the copy computes bit by bit the
    same. The original is not changed, and the copy is not compiled.

    Composite layers, such as the transformer blocks of keras-hub, take no regularizer for the
    kernels inside. They become `zoo.layers.Penalized`: layers of the same name and a derived class
    whose config holds the penalties. A subclassed functional model, such as a `BertBackbone`,
    becomes a plain functional model, without methods such as `from_preset`. Import
    `occam.zoo.surgery` before such a model is loaded in another process.

    The fields of a `Regularization` apply to these places:

    - `l1`, `l2`, `group_lasso`, `orthogonal`, `hoyer` and `max_norm`: all kernels that are not
      skipped. Embeddings need a rule.
    - `activity_l1` and `activity_l2`: hidden activations.
    - `dropout`: before each head, or after a final pooling; and the drop rates among the arguments
      of composite layers.
    - `spatial_dropout` and `drop_block`: after the activation of each convolution.
    - `stochastic_depth`: the residual sums, at rates that rise linearly from 0 in their order; the
      last rate is exact.
    - `drop_connect`: around hidden dense and convolutional layers.
    - `noise`: after the scaling and masking at each input. `augmentation`: at the input itself.
    - `mixup`, `cutmix` and `label_smoothing` need the labels: `report.batch_augmentation`.

    Dropout and stochastic depth that are already in these places are replaced. A layer that
    replaces another takes its name; others are named `<layer>_dropout`, `<input>_noise`.

    `rules` are for layers that match a pattern. The first match counts; where it says nothing, the
    `regularization` applies:

    >>> from occam import zoo
    >>> from occam.zoo.regularizers import L1, L2
    >>> rules = {
    ...     "conv1*": None,  # left as it is
    ...     "conv*": L2(1e-4),  # all weights but biases
    ...     keras.layers.LSTM: {"kernel": L2(1e-4), "recurrent": L2(1e-3), "max_norm": 3.0},
    ...     "head/*": {"kernel": L1(1e-5), "activity": L2(1e-6), "dropout": 0.3},
    ... }

    A pattern without a slash is compared with the name of a layer, one with a slash with its path,
    which begins with the names of the models around it. The name of a weight may follow:
    `*/recurrent`. A pattern that matches a model covers all its layers. The keys of a dictionary
    are the names of weights, as in `<name>_regularizer`, where `kernel` means all kernels of a
    layer; `activity`; `constraint` or `max_norm`; and `dropout`, `spatial_dropout`, `drop_block` or
    `noise`, which are put after the layer.

    Args:
        model: Any functional, Sequential or nested model; a subclassed one as far as its config
            has the penalties of its weights.
        regularization: A `Regularization`; for a model of the zoo also the name of a tier.
        rules: A mapping of patterns or classes of layers to a regularizer, a dictionary or `None`.
        skip: A list of `"bias"`, `"normalization"`, and patterns of layers that are left alone.
        input_shape: The shape of a sample, for a model that has none yet or leaves a size open.
        value_range: The lowest and the highest value of a pixel, for `augmentation` of images.
        seed: An integer that makes the masks and the noise of the new layers repeatable.

    Returns:
        The new model, and a `SurgeryReport` of changes and refusals.

    Raises:
        ValueError: If a field or rule changes nothing anywhere, a layer cannot be made from its
            config, a penalty would be lost, or a field belongs to the optimizer.
        TypeError: If an argument has the wrong type.

    Example:

    >>> inputs = keras.Input((8,))
    >>> hidden = keras.layers.Dense(16, activation="relu", name="hidden")(inputs)
    >>> model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(hidden))
    >>> regularized, report = zoo.regularize(model, zoo.Regularization(l2=1e-3, dropout=0.2))
    >>> [layer.name for layer in regularized.layers[1:]]
    ['hidden', 'logits_dropout', 'logits']
    >>> len(regularized.losses), len(report.applied), len(report.refused)
    (2, 3, 0)
    """
    wanted = _resolved(model, regularization)
    parsed, skipping, seeds = parse_rules(rules), Skip(skip), seed_source(seed)
    if not wanted.on() and not parsed:
        raise ValueError("Give a `regularization`, `rules`, or both. Received: neither")
    original, edits, ledger = prepared(model, input_shape), Edits(), Ledger()
    graph = ModelGraph(original, rebuildable=True) if can_be_rebuilt(original) else None
    located = graph.layers() if graph else [LocatedLayer(original, (original.name,))]
    penalties = Penalties(located, wanted, parsed, skipping, edits, ledger)
    inside = Regularization.names("model")
    for name in wanted.on():
        closed = graph is None and name in inside
        hint = _HINTS.get(name, "").format(name=name)
        ledger.want(name, *(("", subclassed(original)) if closed else (hint, "")))
    for rule in parsed:
        penalties.check(rule, graph)
    penalties.plan(graph)
    if graph:
        Insertion(graph, skipping, edits, seeds, ledger).plan(wanted, parsed, value_range)
    copier = Copier(edits)
    made = copier.model(graph) if graph else copier.opaque(original)
    found = penalties.find(copier, made)
    batches = batch_augmentation(made, getattr(model, "loss", None), wanted, seeds(), ledger)
    ledger.check()
    _tell_blueprint(model, made, wanted, rules)
    return made, SurgeryReport(made, tuple(ledger.changes), found, batches)


_NO_KERNEL = "It has no kernel whose layer takes a regularizer."
_NO_ACTIVATION = "It has no hidden layer with an activation."
_NO_CONVOLUTION = (
    "It has no hidden convolution with an activation after it: name layers in `rules`, "
    'for example {{"conv*": {{"{name}": 0.1}}}}.'
)
_HINTS = {
    **dict.fromkeys(Regularization.names("kernels"), _NO_KERNEL),
    **dict.fromkeys(Regularization.names("activations"), _NO_ACTIVATION),
    **dict.fromkeys(Regularization.names("maps"), _NO_CONVOLUTION),
    "stochastic_depth": "It has no residual sum: an Add of two tensors of one shape, one of which "
    "goes into the computation of the other.",
    "drop_connect": "It has no hidden Dense, EinsumDense or Conv layer.",
    "dropout": "It has no head: no last layer with units, and no global pooling at the end.",
}


def _tell_blueprint(
    model: keras.Model, made: Any, wanted: Regularization, rules: Mapping[Any, Any] | None
) -> None:
    """Give the copy of a model of the zoo its blueprint, with the changes."""
    if (blueprint := blueprint_of(model)) is None:
        return
    # `zoo.train` must not augment a second time.
    inside = {"augmentation": "none"} if "augmentation" in wanted.on() else {}
    asked = [f"{name}={value!r}" for name, value in wanted.on().items()]
    asked += [f"rules={_as_text(rules)}"] if rules else []
    made.blueprint = dataclasses.replace(
        blueprint,
        regularization=blueprint.regularization.replace(**{**wanted.on(), **inside}),
        surgery=(*blueprint.surgery, f"regularize({', '.join(asked)})"),
    )


def _as_text(value: Any) -> str:
    """Return rules as source code."""
    if isinstance(value, Mapping):
        pairs = (f"{_as_text(key)}: {_as_text(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, type):
        return value.__name__
    return as_call(value) if hasattr(value, "get_config") else repr(value)


def _resolved(model: Any, regularization: Any) -> Regularization:
    """Check `model` and `regularization`, and look up the name of a tier."""
    check_type("model", model, keras.Model, "a keras.Model")
    if regularization is None:
        return Regularization()
    if isinstance(regularization, str):
        if (blueprint := blueprint_of(model)) is None:
            raise ValueError(
                "Tiers belong to the models of the zoo; give a Regularization. "
                f"Received: regularization={regularization!r} for model {model.name!r}"
            )
        regularization = preset(blueprint.name, regularization)
    expected = "an occam.zoo.Regularization, a tier's name or None"
    check_type("regularization", regularization, Regularization, expected)
    if foreign := [name for name in _OF_THE_UPDATE if name in regularization.on()]:
        raise ValueError(
            f"{', '.join(foreign)} changes the update of the weights and not the model: give it to "
            f'zoo.train, and here regularization.only("model"). Received: {regularization}'
        )
    return regularization
