"""`regularize`: a copy of any Keras model, its weights kept, with the regularization asked for."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..calls import as_call
from ..models.blueprint import blueprint_of
from ..models.registry import preset
from ..regularization import Regularization
from .copier import Copier
from .edits import Edits, Seeds
from .found import find
from .front import front
from .graph import Graph, Located, is_graph
from .hints import hint, subclassed
from .insert import insert
from .ledger import Ledger
from .penalize import Penalize
from .placer import Placer
from .preparation import prepared
from .report import SurgeryReport
from .rules import Skip, parse_rules

__all__ = ["regularize"]

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
    """Copies a model with its weights, bit by bit, and gives the copy penalties, dropout and noise.

    Setting `layer.kernel_regularizer` on a model that exists does nothing. Here each layer is made
    anew from its config, in which the penalties stand, and gets the weights of the original; so
    what is penalized in memory is what is saved, and it is the same after `save` and `load_model`
    and after `clone_model`. At inference the copy computes bit by bit what the original does; the
    original is not changed. The copy is not compiled: `compile` follows, and the optimizer starts
    anew.

    Layers that are made of others, such as the transformer blocks of keras-hub or one's own, take
    no regularizer for the kernels inside. They become `zoo.layers.Penalized`: layers of the same
    name and of a class derived from theirs, whose config holds the penalties as well. A model
    of a class of its own, such as a `BertBackbone`, becomes a functional model of the same
    layers: methods and attributes of the class, `from_preset` and a preprocessor are not part of
    it. Import `occam.zoo.surgery` before such a model is loaded in another process.

    Of a `Regularization`, `l1`, `l2`, `group_lasso`, `orthogonal`, `hoyer` and `max_norm` go to all
    kernels that are not skipped (not to embeddings: name them in a rule); `activity_l1` and
    `activity_l2` to hidden activations; `dropout` before each head, or after a pooling with which
    the model ends, and to the drop rates among the arguments of layers that are made of others;
    `spatial_dropout` and `drop_block` after the activation of each convolution; `stochastic_depth`
    to the residual sums, at rates that rise linearly from 0 in their order, the last one exact;
    `drop_connect` around hidden dense and convolutional layers; `noise` after the scaling and
    masking at each input, and `augmentation` at the input itself. `mixup`, `cutmix` and
    `label_smoothing` need the labels: they are in `report.front`. Dropout and stochastic depth that
    the model has in these places are replaced. New layers are called after the one they stand at:
    `<layer>_dropout`, `<input>_noise`; what takes another's place takes its name.

    `rules` say more, and something else, about the layers that match a pattern; of several that
    match, the first counts, and where it says nothing the `regularization` does:

    >>> from occam import zoo
    >>> from occam.zoo.regularizers import L1, L2
    >>> rules = {
    ...     "conv1*": None,  # left as it is
    ...     "conv*": L2(1e-4),  # all weights but biases
    ...     keras.layers.LSTM: {"kernel": L2(1e-4), "recurrent": L2(1e-3), "max_norm": 3.0},
    ...     "head/*": {"kernel": L1(1e-5), "activity": L2(1e-6), "dropout": 0.3},
    ... }

    A pattern without a slash is held against the name of a layer, wherever it lies; one with a
    slash against its path, which begins with the names of the models around it. A name of a weight
    may follow: `*/recurrent`. A pattern that means a model means the weights of all its layers. The
    words of a dictionary are the names of weights, as in `<name>_regularizer`, of which `kernel`
    means all kernels of a layer; `activity`; `constraint` or `max_norm`; and `dropout`,
    `spatial_dropout`, `drop_block` or `noise`, which are put after the layer.

    Args:
        model: any functional, sequential or nested model; a subclassed one as far as its config
            says what its weights are penalized by.
        regularization: a `Regularization`; for a model of the zoo also the name of a tier.
        rules: from patterns of layers, or classes, to a regularizer, a dictionary or `None`.
        skip: `"bias"`, `"normalization"`, and patterns of layers that are left alone.
        input_shape: of a sample, for a model that has none yet or leaves a size of it open.
        value_range: the lowest and the highest value of a pixel, for `augmentation` of images.
        seed: makes the masks and the noise of the new layers repeatable.

    Returns:
        The new model and a `SurgeryReport`, which says what was done, what is inactive as its
        weights are frozen, and what was refused and why.

    Raises:
        ValueError: a field or rule changes nothing anywhere; a layer cannot be made from its
            config; a penalty would be lost; or a part of `regularization` belongs to the optimizer.
        TypeError: an argument is of the wrong kind.

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
        raise ValueError("Nothing is asked for: give a regularization, rules, or both.")
    original, edits = prepared(model, input_shape), Edits()
    graph = Graph(original) if is_graph(original) else None
    located = graph.layers() if graph else [Located(original, [original.name], [])]
    ledger = Ledger()
    penalize = Penalize(located, wanted, parsed, skipping, edits, ledger)
    inside = Regularization.names("model")
    for name in wanted.on():
        closed = graph is None and name in inside
        said = ("", subclassed(original)) if closed else (hint(name), "")
        ledger.want(name, *said)
    for rule in parsed:
        penalize.check(rule, graph)
    penalize.plan(graph)
    if graph:
        placer = Placer(graph, skipping, edits, seeds, ledger)
        insert(placer, wanted, parsed, value_range)
    copier = Copier(edits)
    made = copier.model(graph) if graph else copier.opaque(original)
    penalties = find(penalize, copier, made)
    before = front(made, getattr(model, "loss", None), wanted, seeds(), ledger)
    ledger.check()
    _tell_blueprint(model, made, wanted, rules)
    return made, SurgeryReport(made, tuple(ledger.changes), penalties, before)


def _tell_blueprint(
    model: keras.Model, made: Any, wanted: Regularization, rules: Mapping[Any, Any] | None
) -> None:
    """Gives the copy of a model of the zoo its blueprint, with what has been changed."""
    if (blueprint := blueprint_of(model)) is None:
        return
    # What was made a part of the model is not to be done a second time by `zoo.train`.
    inside = {"augmentation": "none"} if "augmentation" in wanted.on() else {}
    asked = [f"{name}={value!r}" for name, value in wanted.on().items()]
    asked += [f"rules={_as_text(rules)}"] if rules else []
    made.blueprint = dataclasses.replace(
        blueprint,
        regularization=blueprint.regularization.replace(**{**wanted.on(), **inside}),
        surgery=(*blueprint.surgery, f"regularize({', '.join(asked)})"),
    )


def _as_text(value: Any) -> str:
    """Rules as they are written: patterns, and what is asked of what matches."""
    if isinstance(value, Mapping):
        pairs = (f"{_as_text(key)}: {_as_text(one)}" for key, one in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, type):
        return value.__name__
    return as_call(value) if hasattr(value, "get_config") else repr(value)


def _resolved(model: Any, regularization: Any) -> Regularization:
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a keras.Model. Received: {model!r}")
    if regularization is None:
        return Regularization()
    if isinstance(regularization, str):
        if (blueprint := blueprint_of(model)) is None:
            raise ValueError(
                "Tiers belong to the models of the zoo; for any other, give a Regularization. "
                f"Received: regularization={regularization!r} for model {model.name!r}"
            )
        regularization = preset(blueprint.name, regularization)
    if not isinstance(regularization, Regularization):
        raise TypeError(
            "regularization must be an occam.zoo.Regularization, a tier's name or None. "
            f"Received: {regularization!r}"
        )
    if foreign := [name for name in _OF_THE_UPDATE if name in regularization.on()]:
        raise ValueError(
            f"{', '.join(foreign)} changes the update of the weights and not the model: give it to "
            'zoo.train or to the optimizer, and here regularization.only("model"). '
            f"Received: {regularization}"
        )
    return regularization
