"""`regularize`: copy any Keras model with its weights, and regularize the copy."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ...core.checks import check_integer, check_type, message
from ...core.model_graph import LocatedLayer, ModelGraph, can_be_rebuilt
from ..calls import as_call
from ..models.blueprint import blueprint_of
from ..models.registry import preset
from ..regularization import Regularization
from .batch_augmentation import batch_augmentation
from .copier import Copier, Edits, prepared
from .insertion import Insertion
from .penalties import PenaltyPlan, subclassed
from .report import Ledger, SurgeryReport
from .rules import Skip, parse_rules

# How a built model gets a penalty: Keras reads `kernel_regularizer` only when it builds a layer, so
# the layers are made anew, in three steps.
# 1. Plan: `PenaltyPlan` and `Insertion` read `regularization` and `rules`. They write a new config
#    for each layer, and the layers to insert, into `Edits`. The model does not change.
# 2. Copy: `Copier` makes each layer from its new config, and copies its weights bit by bit.
# 3. Report: `PenaltyPlan.find` checks that each planned penalty is on its weight in the copy.
#    `SurgeryReport` lists the changes and refusals. A request that changes nothing is an error.

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
    from a config with the penalties, and gets the weights of the original. So penalties survive
    `save`, `load_model` and `clone_model`. At inference, the outputs of the copy equal the
    original's bit by bit. The original is not changed, and the copy is not compiled.

    Composite layers, such as the transformer blocks of keras-hub, take no regularizer for the
    kernels inside. They become `zoo.layers.Penalized`: layers of the same name and a derived class
    whose config has the penalties. A subclassed functional model, such as a `BertBackbone`, becomes
    a plain functional model, without methods such as `from_preset`. Import `occam.zoo.surgery`
    before loading such a model in another process.

    The fields of a `Regularization` apply to these places:

    - `l1`, `l2`, `group_lasso`, `orthogonal`, `hoyer` and `max_norm`: all kernels that are not
      skipped. Embeddings need a rule.
    - `activity_l1` and `activity_l2`: hidden activations.
    - `dropout`: before each head, or after a final pooling, and as the drop rates of composite
      layers.
    - `spatial_dropout` and `drop_block`: after the activation of each convolution.
    - `stochastic_depth`: the residual sums, at rates that rise linearly from 0 in their order; the
      last rate is exact.
    - `drop_connect`: around hidden dense and convolutional layers.
    - `noise`: after the scaling and masking of each input. `augmentation`: at the input itself.
    - `mixup`, `cutmix` and `label_smoothing` need the labels: `report.batch_augmentation`.

    Existing dropout and stochastic depth in these places is replaced, under the same name. New
    layers are named `<layer>_dropout`, `<input>_noise` and so on.

    `rules` apply to layers that match a pattern. The first match counts. The `regularization`
    applies to everything that it does not set:

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
    `noise` for a new layer after it.

    Args:
        model: Any functional, Sequential or nested model, or a subclassed model whose config
            contains the penalties of its weights.
        regularization: A `Regularization`, or the name of a tier for a model of the zoo. If all its
            fields are off, the new model is a copy.
        rules: A mapping of patterns or classes of layers to a regularizer, a dictionary, or `None`
            for no change.
        skip: A list of `"bias"`, `"normalization"` and patterns of layers to leave alone.
        input_shape: The shape of a sample, for a model without one or with unknown sizes.
        value_range: The lowest and the highest value of a pixel, to augment images.
        seed: An integer that makes the masks and the noise of the new layers repeatable.

    Returns:
        The new model, and a `SurgeryReport` of changes and refusals.

    Raises:
        ValueError: If a field or rule changes nothing, a layer cannot be made from its config, a
            penalty would be lost, or a field belongs to the optimizer.
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
    parsed, skipping = parse_rules(rules), Skip(skip)
    if regularization is None and not parsed:
        raise ValueError("Give a `regularization`, `rules`, or both.")
    check_integer("seed", seed, minimum=0, optional=True)
    seeds = random.Random(random.getrandbits(31) if seed is None else seed)
    original, edits, ledger = prepared(model, input_shape), Edits(), Ledger()
    graph = ModelGraph(original, rebuildable=True) if can_be_rebuilt(original) else None

    # 1. Plan
    for name in wanted.on():
        if graph is None and name in Regularization.names("model"):
            ledger.want(name, cause=subclassed(original))
        else:
            ledger.want(name, hint=_HINTS.get(name, "").format(name=name))
    located = graph.layers() if graph else [LocatedLayer(original, (original.name,))]
    penalties = PenaltyPlan(located, wanted, parsed, skipping, edits, ledger)
    for rule in parsed:
        penalties.check(rule, graph)
    penalties.plan(graph)
    if graph:
        Insertion(graph, skipping, edits, seeds, ledger).plan(wanted, parsed, value_range)

    # 2. Copy
    copier = Copier(edits)
    made = copier.model(graph) if graph else copier.opaque(original)

    # 3. Report
    found = penalties.find(copier, made)
    loss, seed = getattr(model, "loss", None), seeds.getrandbits(31)
    batches = batch_augmentation(made, loss, wanted, seed, ledger)
    ledger.check()
    _update_blueprint(model, made, wanted, rules)
    return made, SurgeryReport(made, tuple(ledger.changes), found, batches)


_NO_KERNEL = "It has no kernel in a layer that takes a regularizer."
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
    "depends on the other.",
    "drop_connect": "It has no hidden Dense, EinsumDense or Conv layer.",
    "dropout": "It has no head: no last layer with units, and no global pooling at the end.",
}


def _update_blueprint(
    model: keras.Model, made: Any, wanted: Regularization, rules: Mapping[Any, Any] | None
) -> None:
    """Add the changes to the blueprint of a model of the zoo."""
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
    return value.__name__ if isinstance(value, type) else as_call(value)


def _resolved(model: Any, regularization: Any) -> Regularization:
    """Check `model` and `regularization`, and look up the name of a tier."""
    check_type("model", model, keras.Model, "a keras.Model")
    if regularization is None:
        return Regularization()
    if isinstance(regularization, str):
        if (blueprint := blueprint_of(model)) is None:
            why = f"because model {model.name!r} is not of the zoo and has no tiers"
            expected = f"an occam.zoo.Regularization, {why}"
            raise ValueError(message("regularization", regularization, expected))
        regularization = preset(blueprint.name, regularization)
    expected = "an occam.zoo.Regularization, a tier's name or None"
    check_type("regularization", regularization, Regularization, expected)
    if foreign := [name for name in _OF_THE_UPDATE if name in regularization.on()]:
        expected = (
            f"without {', '.join(foreign)}, which change the update of the weights: pass "
            'regularization.only("model") here, and all of it to zoo.train'
        )
        raise ValueError(message("regularization", regularization, expected))
    return regularization
