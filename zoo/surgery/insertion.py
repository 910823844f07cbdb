"""`Insertion`: put dropout, noise and augmentation into a model."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import keras

from ...core.checks import message
from ...core.layer_kinds import Kind, drops_samples, drops_single_values, kind_of
from ...core.model_graph import Call, LocatedLayer, ModelGraph, call_of
from .. import layers
from ..augmentation import Pipeline, resolve_augmentation
from ..layers.drop_connect import KERNEL_LAYERS
from ..models.wiring import RANDOM_LAYERS, block_size
from ..regularization import Regularization
from .copier import Copier, Edits
from .layer_copy import layer_config
from .parts import Part, is_known, parts_of
from .places import Head, ResidualSum, activated_convolutions, heads, preprocessing, residual_sums
from .report import Ledger
from .rules import LayerRule, Skip

_SPATIAL = ("spatial_dropout", "drop_block")
_RANKS = {1: "a table", 2: "a series", 3: "an image"}
_SAME = {  # the layers that a new one replaces
    layers.SpatialDropout: (
        *(layers.SpatialDropout, keras.layers.SpatialDropout1D),
        *(keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D),
    ),
    layers.GaussianNoise: (layers.GaussianNoise, keras.layers.GaussianNoise),
}


class Insertion:
    """The new layers of dropout, noise and augmentation in a model, written into its `edits`."""

    def __init__(
        self, graph: ModelGraph, skip: Skip, edits: Edits, seeds: random.Random, ledger: Ledger
    ):
        self.graph, self.skip = graph, skip
        self.edits, self.seeds, self.ledger = edits, seeds, ledger
        self._paths, self._finals = graph.paths(), graph.final_tensors()

    def plan(self, on: Regularization, rules: tuple[LayerRule, ...], value_range: Any) -> None:
        """Plan the layers of a `Regularization` and of rules."""
        self._after_matches(rules)
        if on.augmentation != "none":
            self._augmentation(on.augmentation, value_range)
        if on.noise:
            self._noise(on.noise)
        for word in _SPATIAL:
            if rate := getattr(on, word):
                self._after_convolutions(word, rate)
        if on.stochastic_depth:
            self._stochastic_depth(on.stochastic_depth)
        if on.dropout:
            for head in heads(self.graph):
                self._at_head(head, on.dropout)
            for place in self.graph.layers():
                if not any(r.nothing and r.matches(place.layer, place.paths) for r in rules):
                    self._inside(place, on.dropout)
        if on.drop_connect:
            self._drop_connect(on.drop_connect)

    # One layer

    def _skipped(self, call: Call) -> bool:
        return self.skip.layer(call.operation, self._paths[id(call.operation)])

    def _layer(self, kind: Any, name: str, tensor: Any, *arguments: Any) -> Any:
        """Return a layer with a new seed and the precision of its input."""
        seed = self.seeds.getrandbits(31)
        return kind(*arguments, seed=seed, name=name, dtype=tensor.dtype)

    def _after(
        self, asked: Any, graph: ModelGraph, tensor: Any, kind: Any, name: str, *arguments: Any
    ) -> Any:
        """Put a layer after a tensor, or replace an existing layer of the same kind there."""
        present = graph.users(tensor)
        if len(present) == 1 and _is_same(present[0].operation, kind):
            return self._instead(asked, present[0], kind, *arguments)
        layer = self._layer(kind, self.edits.name(graph, name), tensor, *arguments)
        self.edits.after.setdefault(tensor, []).append(layer)
        source = (graph.maker(tensor) or call_of(tensor)).operation.name
        self.ledger.done(asked, graph.join(layer.name), f"after {source}", layer)
        return layer

    def _instead(self, asked: Sequence[str], call: Call, kind: Any, *arguments: Any) -> Any:
        """Replace a layer and keep its name."""
        layer = self._layer(kind, call.operation.name, call.outputs[0], *arguments)
        self.edits.swapped[id(call.operation)] = lambda copier: layer
        names = ("rate", "stddev", "drop_path_rate")
        was = next((x for name in names if (x := getattr(call.operation, name, None))), None)
        where = "instead of one" + ("" if was is None else f" of {was:g}")
        self.ledger.done(asked, call.path, where, layer)
        return layer

    # After layers that match a rule, and after convolutions

    def _after_matches(self, rules: tuple[LayerRule, ...]) -> None:
        made: dict[tuple[int, str], Any] = {}
        for graph in self.graph.walk():
            for call in graph.calls:
                paths = self._paths[id(call.operation)]
                rule = next((rule for rule in rules if rule.matches(call.operation, paths)), None)
                if rule is None or self._skipped(call):
                    continue
                for word, rate in rule.inserted.items():
                    key = id(call.operation), word
                    if layer := made.get(key):  # one for all calls of a layer
                        self.edits.after.setdefault(call.outputs[0], []).append(layer)
                    else:
                        asked, output = rule.asked_as(word), call.outputs[0]
                        made[key] = self._by_word(asked, word, rate, graph, call, output)

    def _after_convolutions(self, word: str, rate: float) -> None:
        for graph in self.graph.walk():
            for call, tensor in activated_convolutions(graph, self._finals):
                if not self._skipped(call):
                    self._by_word((word,), word, rate, graph, call, tensor)

    def _by_word(
        self, asked: Any, word: str, rate: float, graph: ModelGraph, call: Call, tensor: Any
    ) -> Any:
        """Put a layer after a tensor, or refuse it at `call`."""
        if why := self._objection(word, graph, call, tensor):
            self.ledger.refuse(asked, call.path, word, None, why)
            return None
        more = [block_size(tensor)] if word == "drop_block" else []
        maker = graph.maker(tensor) or call
        name = f"{maker.operation.name}_{word}"
        layer = self._after(asked, graph, tensor, RANDOM_LAYERS[word], name, rate, *more)
        if word in _SPATIAL:
            layer.data_format = "channels_last"  # not Keras' global setting
        return layer

    def _objection(self, word: str, graph: ModelGraph, call: Call, tensor: Any) -> str:
        """Return the reason why a layer cannot follow a call, or `""`."""
        if tensor in self._finals:
            return "it is the model's output; name other layers in `rules`"
        if not _is_real(tensor):
            return f"its output is {tensor.dtype}"
        if word not in _SPATIAL:
            return ""
        if len(tensor.shape) < 3:
            return "its output has no steps or pixels beside the channels"
        if _data_format(graph, call) == "channels_first":
            return "its channels come first"
        if word == "drop_block" and (len(tensor.shape) > 4 or None in tensor.shape[1:-1]):
            return "the size of its output is unknown: give `input_shape`"
        return ""

    # At the inputs

    def _noise(self, stddev: float) -> None:
        """Put Gaussian noise on each input, after its scaling and masking."""
        for tensor in self.graph.inputs:
            name = call_of(tensor).path
            if not _is_real(tensor):
                self.ledger.refuse(("noise",), name, "", None, f"it holds {tensor.dtype}")
                continue
            calls = preprocessing(self.graph, tensor)
            place = calls[-1].outputs[0] if calls else tensor
            name = f"{name}_noise"
            self._after(("noise",), self.graph, place, layers.GaussianNoise, name, stddev)

    def _augmentation(self, tier: str, value_range: Any) -> None:
        asked = ("augmentation",)
        for tensor in self.graph.inputs:
            name, shape = call_of(tensor).path, tuple(tensor.shape[1:])
            if why := self._not_augmented(tensor, shape):
                self.ledger.refuse(asked, name, "", None, why)
                continue
            image = len(shape) == 3
            if image and value_range is None:
                expected = "the lowest and highest pixel, such as (0, 255), to augment images"
                raise ValueError(message("value_range", value_range, expected))
            arguments = {"value_range": value_range} if image else {}
            steps = resolve_augmentation(tier, shape, **arguments).layers
            self._after(asked, self.graph, tensor, Pipeline, f"{name}_augmentation", steps)

    def _not_augmented(self, tensor: Any, shape: tuple[Any, ...]) -> str:
        """Return the reason why an input cannot be augmented, or `""`."""
        if len(shape) not in _RANKS:
            return f"its shape {shape} is not that of {', '.join(_RANKS.values())}"
        if len(shape) < 3 and not _is_real(tensor):
            return f"it holds {tensor.dtype}"
        if len(shape) == 2 and None in shape:
            return "its length is unknown: give `input_shape`"
        calls = preprocessing(self.graph, tensor)
        if any(isinstance(call.operation, keras.layers.Masking) for call in calls):
            return "its padding would no longer be masked: augment the data before padding it"
        return ""

    # At the heads, and inside composite layers

    def _at_head(self, head: Head, rate: float) -> None:
        graph, call, asked = head.graph, head.call, ("dropout",)
        if call is None or head.kind == "other":
            path = call.path if call else "an input"
            why = "the output comes from it: name the layers to drop after in `rules`"
            self.ledger.refuse(asked, path, "", None, why)
        elif self._skipped(call):
            return
        elif present := head.dropout:
            self._instead(asked, present, layers.Dropout, rate)
        elif head.kind == "pooling":
            name = f"{call.operation.name}_dropout"
            self._after(asked, graph, call.outputs[0], layers.Dropout, name, rate)
        else:
            name = self.edits.name(graph, f"{call.operation.name}_dropout")
            layer = self._layer(layers.Dropout, name, call.inputs[0], rate)
            self.edits.before.setdefault(call, []).append(layer)
            where = f"before {call.operation.name}"
            self.ledger.done(asked, graph.join(layer.name), where, layer)

    def _inside(self, place: LocatedLayer, rate: float) -> None:
        """Set the drop rates of a composite layer, such as a transformer block."""
        layer, paths = place.layer, place.paths
        if self.skip.layer(layer, paths):
            return
        asked, reached = ("dropout",), set()
        for part in parts_of(Part(layer, paths, self.edits.configs[id(layer)], layer)):
            for name in part.drop_rates():
                reached |= {id(inner) for inner in part.layer._flatten_layers()}
                if why := _objection_to_rate(part, name):
                    self.ledger.refuse(asked, part.path, name, None, why)
                    continue
                where = f"{name}, instead of {part.config[name]:g}"
                part.config[name] = self.edits.rates_inside[id(layer)] = rate
                self.ledger.done(asked, part.path, where, layers.Dropout(rate))
        for inner in layer._flatten_layers(include_self=False):
            if drops_single_values(inner) and id(inner) not in reached and not is_known(layer):
                why = f"{type(layer).__name__} takes no rate for the dropout inside it"
                self.ledger.refuse(asked, paths[0], inner.name, None, why)

    # Residual sums

    def _stochastic_depth(self, final: float) -> None:
        """Replace each residual sum by a `StochasticDepth` of the same name.

        The rates rise linearly from 0 at the first sum to exactly `final` at the last. An existing
        `StochasticDepth` gets the new rate. An existing layer that drops whole samples of the
        branch is replaced instead of the sum.
        """
        sums = [one for graph in self.graph.walk() for one in residual_sums(graph)]
        sums = [one for one in sums if not self._skipped(one.call)]
        rates = layers.linear_depth_rates(final, len(sums)) if sums else ()
        for one, rate in zip(sums, rates, strict=True):
            operation = one.call.operation
            if kind_of(operation) is Kind.RESIDUAL_SUM:
                where = f"instead of rate {operation.rate:g}"
                self.edits.rates[id(operation)] = rate
                shown = layers.StochasticDepth(rate)
                self.ledger.done(("stochastic_depth",), one.call.path, where, shown)
            else:
                self._drop_branch(one, rate)

    def _drop_branch(self, one: ResidualSum, rate: float) -> None:
        asked, call = ("stochastic_depth",), one.call
        before = one.graph.maker(one.branch)
        drops = before and drops_samples(before.operation) and not self._skipped(before)
        if before and drops and len(one.graph.users(one.branch)) == 1:
            shape = (None, *(1,) * (len(one.branch.shape) - 1))
            self._instead(asked, before, layers.Dropout, rate, shape)
            return
        name = call.operation.name
        if sum(each.operation is call.operation for each in one.graph.calls) > 1:
            name = self.edits.name(one.graph, name)  # one layer sums in several places
        layer = self._layer(layers.StochasticDepth, name, call.outputs[0], rate)
        self.edits.rewired[call] = _sum_by(layer, call, call.inputs[0] is one.shortcut)
        self.ledger.done(asked, one.graph.join(name), "instead of a sum", layer)

    # Around layers with a kernel

    def _drop_connect(self, rate: float) -> None:
        """Wrap each hidden dense and convolutional layer in a `DropConnect` of the same name."""
        asked, shown = ("drop_connect",), layers.DropConnect(keras.layers.Dense(1), rate)
        ends = {id(head.call.operation) for head in heads(self.graph) if head.call}
        for place in self.graph.layers():
            layer, path = place.layer, place.paths[0]
            if id(layer) in ends or self.skip.layer(layer, place.paths):
                continue
            if isinstance(layer, layers.DropConnect):
                self.edits.rates[id(layer)] = rate
                self.ledger.done(asked, path, f"instead of rate {layer.rate:g}", shown)
            elif isinstance(layer, KERNEL_LAYERS):
                if layer.quantization_mode or getattr(layer, "lora_enabled", False):
                    why = "it is quantized or has LoRA: regularize before that"
                    self.ledger.refuse(asked, path, "", None, why)
                    continue
                self.edits.configs.setdefault(id(layer), layer_config(layer, path))
                seed = self.seeds.getrandbits(31)
                self.edits.swapped[id(layer)] = _wrapping(layer, rate, seed)
                self.ledger.done(asked, path, f"around {layer.name}", shown)


def _wrapping(layer: Any, rate: float, seed: int) -> Callable[[Copier], layers.DropConnect]:
    """Return a function that wraps the copy of `layer`, with its name and activity penalty."""

    def wrapped(copier: Copier) -> layers.DropConnect:
        penalty = copier.edits.configs[id(layer)].pop("activity_regularizer", None)
        return layers.DropConnect(
            copier.plain(layer),
            rate,
            seed=seed,
            name=layer.name,
            trainable=layer.trainable,
            activity_regularizer=penalty,
        )

    return wrapped


def _sum_by(layer: layers.StochasticDepth, of: Call, shortcut_first: bool) -> Callable[..., Any]:
    """Return a function that calls `layer` with the tensors of a sum."""

    def call(copier: Copier, *args: Any, **kwargs: Any) -> Any:
        pair = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        total = layer(pair if shortcut_first else pair[::-1])
        is_layer = isinstance(of.operation, keras.layers.Layer)
        if is_layer or getattr(total, "_keras_mask", None) is None:
            return total
        return keras.ops.copy(total)  # without the mask, like the operator `+`

    return call


def _is_same(operation: Any, kind: Any) -> bool:
    if kind is layers.Dropout:
        return drops_single_values(operation)
    return isinstance(operation, _SAME.get(kind, kind))


def _is_real(tensor: Any) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


def _data_format(graph: ModelGraph, call: Call) -> str | None:
    """Return the data format of a call, or of the nearest call before it that has one."""
    at: Call | None = call
    while at is not None and not hasattr(at.operation, "data_format"):
        at = graph.maker(at.inputs[0]) if len(at.inputs) == 1 else None
    return getattr(at.operation, "data_format", None) if at else None


def _objection_to_rate(part: Part, name: str) -> str:
    """Return the reason why a rate of 0 must stay 0, or `""`."""
    own_rate = "attention" not in name and any("attention" in key for key in part.drop_rates())
    inside = part.layer._flatten_layers(include_self=False)
    attends = any("Attention" in type(inner).__name__ for inner in inside)
    if part.config[name] or own_rate or not attends:
        return ""
    return (
        "attention without dropout computes in another order, so its last bits would differ: make "
        f"the layer with {name} above 0, then regularize"
    )
