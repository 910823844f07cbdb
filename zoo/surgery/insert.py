"""`insert`: dropout and noise, put where a `Regularization` or a rule says."""

from typing import Any

from .. import layers
from ..regularization import Regularization
from .connections import drop_connect
from .depth import stochastic_depth
from .graph import Call, Graph, Located
from .inputs import augmentation, noise
from .parts import Part, is_known, parts_of, rates_inside
from .placer import Placer, real
from .places import Head, activated_convolutions, heads
from .roles import is_plain_dropout
from .rules import INSERTED, Rule

__all__ = ["insert"]

_LARGEST_BLOCK = 7  # Ghiasi et al. 2018, of the feature maps of a ResNet-50


def insert(
    placer: Placer, regularization: Regularization, rules: tuple[Rule, ...], value_range: Any
) -> None:
    """Plans all layers that are asked for.

    Args:
        placer: what puts them into the model.
        regularization: rates and strengths for the places that are found in the graph.
        rules: what is put after the layers that match.
        value_range: of the pixels, for augmentation.
    """
    on = regularization
    _after_matches(placer, rules)
    if on.augmentation != "none":
        augmentation(placer, on.augmentation, value_range)
    if on.noise:
        noise(placer, on.noise)
    for asked, rate in (("spatial_dropout", on.spatial_dropout), ("drop_block", on.drop_block)):
        if rate:
            _after_convolutions(placer, asked, rate)
    if on.stochastic_depth:
        stochastic_depth(placer, on.stochastic_depth)
    if on.dropout:
        for head in heads(placer.graph):
            _at_head(placer, head, on.dropout)
        for place in placer.graph.layers():
            paths = tuple(place.paths)
            if not any(rule.nothing and rule.means(place.layer, paths) for rule in rules):
                _inside(placer, place, on.dropout)
    if on.drop_connect:
        drop_connect(placer, on.drop_connect)


def _after_matches(placer: Placer, rules: tuple[Rule, ...]) -> None:
    made: dict[tuple[int, str], Any] = {}
    for graph in placer.graph.walk():
        for call in graph.calls:
            paths = placer.paths[id(call.operation)]
            rule = next((rule for rule in rules if rule.means(call.operation, paths)), None)
            if rule is None or placer.skipped(call):
                continue
            for word, rate in rule.inserted.items():
                asked = rule.asked_as(word)
                if layer := made.get((id(call.operation), word)):  # one for all calls of a layer
                    placer.edits.after.setdefault(id(call.outputs[0]), []).append(layer)
                else:
                    layer = _after(placer, asked, word, rate, graph, call, call.outputs[0])
                    made[id(call.operation), word] = layer


def _after_convolutions(placer: Placer, word: str, rate: float) -> None:
    for graph in placer.graph.walk():
        for call, tensor in activated_convolutions(graph, placer.finals):
            if not placer.skipped(call):
                _after(placer, (word,), word, rate, graph, call, tensor)


def _after(
    placer: Placer, asked: Any, word: str, rate: float, graph: Graph, call: Call, tensor: Any
) -> Any:
    """Puts a layer after a tensor, or refuses it at the call that the tensor comes from."""
    if why := _objection(placer, word, graph, call, tensor):
        placer.ledger.refuse(asked, call.path, word, None, why)
        return None
    more = [_block_size(tensor)] if word == "drop_block" else []
    maker = graph.maker(tensor) or call
    name = f"{maker.operation.name}_{word}"
    layer = placer.after(asked, graph, tensor, INSERTED[word], name, rate, *more)
    if word in ("spatial_dropout", "drop_block"):
        layer.data_format = "channels_last"  # whatever Keras' setting is now
    return layer


def _objection(placer: Placer, word: str, graph: Graph, call: Call, tensor: Any) -> str:
    """Why a layer cannot stand after a call; empty if it can."""
    if id(tensor) in placer.finals:
        return "its output is the model's"
    if not real(tensor):
        return f"its output is {tensor.dtype}"
    if word not in ("spatial_dropout", "drop_block"):
        return ""
    if len(tensor.shape) < 3:
        return "its output has no channels beside steps or pixels"
    if _data_format(graph, call) == "channels_first":
        return "its channels come first"
    if word == "drop_block" and (len(tensor.shape) > 4 or None in tensor.shape[1:-1]):
        return "the size of its output is open: give input_shape"
    return ""


def _data_format(graph: Graph, call: Call) -> str | None:
    """The data format of the nearest layer before the output of a call that has one."""
    at: Call | None = call
    while at is not None and not hasattr(at.operation, "data_format"):
        at = graph.maker(at.inputs[0]) if len(at.inputs) == 1 else None
    return getattr(at.operation, "data_format", None) if at else None


def _block_size(tensor: Any) -> int:
    """The side of a block: a quarter of the shortest side of a feature map, from 1 to 7."""
    return min(max(min(tensor.shape[1:-1]) // 4, 1), _LARGEST_BLOCK)


def _at_head(placer: Placer, head: Head, rate: float) -> None:
    graph, call, asked = head.graph, head.call, ("dropout",)
    if call is None or head.kind == "other":
        what = call.path if call else "an input"
        why = "the output comes from it: name the layers after which to drop in rules"
        placer.ledger.refuse(asked, what, "", None, why)
    elif placer.skipped(call):
        return
    elif present := head.dropout:
        placer.instead(asked, present, layers.Dropout, rate)
    elif head.kind == "pooling":
        name = f"{call.operation.name}_dropout"
        placer.after(asked, graph, call.outputs[0], layers.Dropout, name, rate)
    else:
        name = placer.edits.name(graph, f"{call.operation.name}_dropout")
        layer = placer.layer(layers.Dropout, name, call.inputs[0], rate)
        placer.edits.before.setdefault(id(call.node), []).append(layer)
        where = f"before {call.operation.name}"
        placer.ledger.done(asked, graph.join(layer.name), where, layer)


def _inside(placer: Placer, place: Located, rate: float) -> None:
    """Sets the drop rates of a layer that is made of others, such as a transformer block."""
    layer, paths = place.layer, tuple(place.paths)
    if placer.skip.layer(layer, paths):
        return
    asked, reached = ("dropout",), set()
    for part in parts_of(layer, paths, placer.edits.configs[id(layer)]):
        for name in rates_inside(part):
            reached |= {id(inner) for inner in part.layer._flatten_layers()}
            if why := _would_compute_otherwise(part, name):
                placer.ledger.refuse(asked, part.path, name, None, why)
                continue
            where = f"{name}, instead of {part.config[name]:g}"
            part.config[name] = placer.edits.rates_inside[id(layer)] = rate
            placer.ledger.done(asked, part.path, where, layers.Dropout(rate))
    for inner in layer._flatten_layers(include_self=False):
        if is_plain_dropout(inner) and id(inner) not in reached and not is_known(layer):
            why = f"{type(layer).__name__} takes no rate for what drops inside of it"
            placer.ledger.refuse(asked, paths[0], inner.name, None, why)


def _would_compute_otherwise(part: Part, name: str) -> str:
    """Why a rate of 0 has to stay 0; empty if it can be another."""
    own_rate = "attention" not in name and any("attention" in key for key in rates_inside(part))
    inside = part.layer._flatten_layers(include_self=False)
    attends = any("Attention" in type(inner).__name__ for inner in inside)
    if part.config[name] or own_rate or not attends:
        return ""
    return (
        "attention that drops nothing computes in another order, and the last bits of its outputs "
        f"would differ: make the layer with {name} above 0, then regularize"
    )
