"""`regularize`: a copy of any Keras model, with its weights and the regularization asked for."""

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
from .copier import Copier, Edits, Seeds, prepared
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

    Setting `layer.kernel_regularizer` on a model that exists does nothing. Here each layer is made
    anew from a config with the penalties, and gets the weights of the original. So the model in
    memory has the penalties that are saved, and they are the same after `save` and `load_model` and
    after `clone_model`. At inference the copy computes bit by bit what the original does; the
    original is not changed. The copy is not compiled: call `compile` next, and the optimizer starts
    anew.

    Layers that are made of others, such as the transformer blocks of keras-hub or user-defined
    ones, take no regularizer for the kernels inside. They become `zoo.layers.Penalized`: layers of
    the same name and of a class derived from theirs, whose config holds the penalties as well. A
    model of a class of its own, such as a `BertBackbone`, becomes a functional model of the same
    layers, without the methods and attributes of the class, such as `from_preset`. Import
    `occam.zoo.surgery` before such a model is loaded in another process.

    The fields of a `Regularization` go to these places:

    - `l1`, `l2`, `group_lasso`, `orthogonal`, `hoyer` and `max_norm`: all kernels that are not
      skipped. Embeddings have to be named in a rule.
    - `activity_l1` and `activity_l2`: hidden activations.
    - `dropout`: before each head, or after a pooling with which the model ends; and the drop rates
      among the arguments of layers that are made of others.
    - `spatial_dropout` and `drop_block`: after the activation of each convolution.
    - `stochastic_depth`: the residual sums, at rates that rise linearly from 0 in their order; the
      last rate is exact.
    - `drop_connect`: around hidden dense and convolutional layers.
    - `noise`: after the scaling and masking at each input. `augmentation`: at the input itself.
    - `mixup`, `cutmix` and `label_smoothing` need the labels: `report.batch_augmentation`.

    Dropout and stochastic depth that the model has in these places are replaced. New layers are
    named after the one they stand at: `<layer>_dropout`, `<input>_noise`. A layer that takes
    another's place takes its name.

    `rules` say more about the layers that match a pattern. If several match, the first counts;
    where it says nothing, the `regularization` does:

    >>> from occam import zoo
    >>> from occam.zoo.regularizers import L1, L2
    >>> rules = {
    ...     "conv1*": None,  # left as it is
    ...     "conv*": L2(1e-4),  # all weights but biases
    ...     keras.layers.LSTM: {"kernel": L2(1e-4), "recurrent": L2(1e-3), "max_norm": 3.0},
    ...     "head/*": {"kernel": L1(1e-5), "activity": L2(1e-6), "dropout": 0.3},
    ... }

    A pattern without a slash is compared with the name of a layer, wherever it lies; one with a
    slash with its path, which begins with the names of the models around it. The name of a weight
    may follow: `*/recurrent`. A pattern that matches a model covers the weights of all its layers.
    The keys of a dictionary are the names of weights, as in `<name>_regularizer`, of which `kernel`
    means all kernels of a layer; `activity`; `constraint` or `max_norm`; and `dropout`,
    `spatial_dropout`, `drop_block` or `noise`, which are put after the layer.

    Args:
        model: Any functional, Sequential or nested model; a subclassed one as far as its config
            has the penalties of its weights.
        regularization: A `Regularization`; for a model of the zoo also the name of a tier.
        rules: A mapping of patterns of layers, or classes, to a regularizer, a dictionary or
            `None`.
        skip: A list of `"bias"`, `"normalization"`, and patterns of layers that are left alone.
        input_shape: The shape of a sample, for a model that has none yet or leaves a size open.
        value_range: The lowest and the highest value of a pixel, for `augmentation` of images.
        seed: An integer that makes the masks and the noise of the new layers repeatable.

    Returns:
        The new model and a `SurgeryReport`: what was done, what is inactive as its weights are
        frozen, and what was refused and why.

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
    parsed, skipping, seeds = parse_rules(rules), Skip(skip), Seeds(seed)
    if not wanted.on() and not parsed:
        raise ValueError("Nothing is asked for: give a `regularization`, `rules`, or both.")
    original, edits, ledger = prepared(model, input_shape), Edits(), Ledger()
    graph = ModelGraph(original, rebuildable=True) if can_be_rebuilt(original) else None
    located = graph.layers() if graph else [LocatedLayer(original, (original.name,))]
    penalties = Penalties(located, wanted, parsed, skipping, edits, ledger)
    inside = Regularization.names("model")
    for name in wanted.on():
        closed = graph is None and name in inside
        ledger.want(name, *(("", subclassed(original)) if closed else (_hint(name), "")))
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


def _hint(name: str) -> str:
    """Return why a field of `Regularization` may have found no place."""
    return _HINTS.get(name, "").format(name=name)


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
    # `zoo.train` is not to augment a second time what the model augments.
    inside = {"augmentation": "none"} if "augmentation" in wanted.on() else {}
    asked = [f"{name}={value!r}" for name, value in wanted.on().items()]
    asked += [f"rules={_as_text(rules)}"] if rules else []
    made.blueprint = dataclasses.replace(
        blueprint,
        regularization=blueprint.regularization.replace(**{**wanted.on(), **inside}),
        surgery=(*blueprint.surgery, f"regularize({', '.join(asked)})"),
    )


def _as_text(value: Any) -> str:
    """Return rules as they are written."""
    if isinstance(value, Mapping):
        pairs = (f"{_as_text(key)}: {_as_text(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, type):
        return value.__name__
    return as_call(value) if hasattr(value, "get_config") else repr(value)


def _resolved(model: Any, regularization: Any) -> Regularization:
    """Return the `Regularization` that is asked for, checked."""
    check_type("model", model, keras.Model, "a keras.Model")
    if regularization is None:
        return Regularization()
    if isinstance(regularization, str):
        if (blueprint := blueprint_of(model)) is None:
            raise ValueError(
                "Tiers belong to the models of the zoo; for any other, give a Regularization. "
                f"Received: regularization={regularization!r} for model {model.name!r}"
            )
        regularization = preset(blueprint.name, regularization)
    expected = "an occam.zoo.Regularization, a tier's name or None"
    check_type("regularization", regularization, Regularization, expected)
    if foreign := [name for name in _OF_THE_UPDATE if name in regularization.on()]:
        raise ValueError(
            f"{', '.join(foreign)} changes the update of the weights and not the model: give it to "
            'zoo.train or to the optimizer, and here regularization.only("model"). '
            f"Received: {regularization}"
        )
    return regularization
