"""`Insert`: layers that act in training, put where they belong in a model."""

from collections.abc import Callable
from typing import Any

import keras

from .. import layers
from ..augmentation import Pipeline, resolve_augmentation
from ..layers.kernel_wrapper import KERNEL_LAYERS
from ..regularization import Regularization
from .copier import Copier, config_of
from .edits import Edits, Seeds
from .graph import Call, Graph
from .ledger import Ledger
from .places import Head, activated_convolutions, first_of_data, heads, is_real
from .residuals import ResidualSum, residual_sums
from .roles import is_sample_dropout
from .rules import INSERTED, Rule, Skip

__all__ = ["Insert", "block_size"]

_LARGEST_BLOCK = 7  # Ghiasi et al. 2018, of the feature maps of a ResNet-50
_FRONT_RANKS = {1: "a table", 2: "a series", 3: "an image"}


class Insert:
    """Plans the layers that are put into a model, or take the place of others.

    Args:
        graph: of the model.
        regularization: rates and strengths for the places that are found in the graph.
        rules: what is put after the layers that match.
        skip: what is left alone.
        edits: where it is put.
        seeds: of the layers.
        ledger: where it is written down.
    """

    def __init__(
        self,
        graph: Graph,
        regularization: Regularization,
        rules: tuple[Rule, ...],
        skip: Skip,
        edits: Edits,
        seeds: Seeds,
        ledger: Ledger,
    ):
        self.graph, self.regularization = graph, regularization
        self.rules, self.skip = rules, skip
        self.edits, self.seeds, self.ledger = edits, seeds, ledger
        self.paths, self.finals = graph.paths(), graph.finals()

    def plan(self, value_range: Any) -> None:
        """Plans all that is asked for."""
        on = self.regularization
        self._by_rules()
        if on.augmentation != "none":
            self._augmentation(on.augmentation, value_range)
        if on.noise:
            self._noise(on.noise)
        for asked, rate in (("spatial_dropout", on.spatial_dropout), ("drop_block", on.drop_block)):
            if rate:
                self._after_convolutions(asked, rate)
        if on.stochastic_depth:
            self._stochastic_depth(on.stochastic_depth)
        if on.dropout:
            for head in heads(self.graph):
                self._dropout(head, on.dropout)
        if on.drop_connect:
            self._drop_connect(on.drop_connect)

    def _skipped(self, call: Call) -> bool:
        return self.skip.layer(call.operation, self.paths[id(call.operation)])

    def _made(self, kind: Any, graph: Graph, name: str, tensor: Any, *args: Any) -> Any:
        """A layer that draws, in the precision of what it is put after."""
        name = self.edits.name(graph, name)
        return kind(*args, seed=self.seeds(), name=name, dtype=tensor.dtype)

    def _after(self, asked: tuple[str, ...], graph: Graph, tensor: Any, layer: Any) -> None:
        """Puts a layer after a tensor."""
        self.edits.after.setdefault(id(tensor), []).append(layer)
        maker = graph.maker(tensor)
        where = maker.operation.name if maker else tensor._keras_history.operation.name
        self.ledger.done(asked, graph.join(layer.name), f"after {where}", layer)

    # After the layers that match a rule

    def _by_rules(self) -> None:
        made: dict[tuple[int, str], Any] = {}
        for graph in self.graph.walk():
            for call in graph.calls:
                paths = self.paths[id(call.operation)]
                rule = next((r for r in self.rules if r.means(call.operation, paths)), None)
                if rule is None or rule.nothing or self._skipped(call):
                    continue
                for word, rate in rule.inserted.items():
                    self._by_rule(rule.asked_as(word), word, rate, graph, call, made)

    def _by_rule(
        self, asked: Any, word: str, rate: float, graph: Graph, call: Call, made: dict[Any, Any]
    ) -> None:
        tensor = call.outputs[0]
        if not rate:
            return
        if why := self._objection(word, call, tensor):
            self.ledger.refuse(asked, call.path, word, None, why)
            return
        if layer := made.get((id(call.operation), word)):  # called again: one layer for all calls
            self.edits.after.setdefault(id(tensor), []).append(layer)
            return
        more = [block_size(tensor)] if word == "drop_block" else []
        name = f"{call.operation.name}_{word}"
        layer = self._made(INSERTED[word], graph, name, tensor, rate, *more)
        made[id(call.operation), word] = layer
        self._after(asked, graph, tensor, layer)

    def _objection(self, word: str, call: Call, tensor: Any) -> str:
        """Why a layer cannot stand after a call; empty if it can."""
        if id(tensor) in self.finals:
            return "its output is the model's"
        if not is_real(tensor):
            return f"its output is {tensor.dtype}"
        if word not in ("spatial_dropout", "drop_block"):
            return ""
        if len(tensor.shape) < 3:
            return "its output has no channels beside steps or pixels"
        if getattr(call.operation, "data_format", None) == "channels_first":
            return "its channels come first"
        if word == "drop_block" and (len(tensor.shape) > 4 or None in tensor.shape[1:-1]):
            return "the size of its output is open: give input_shape"
        return ""

    # Where a Regularization means

    def _after_convolutions(self, asked: str, rate: float) -> None:
        for graph in self.graph.walk():
            for call, tensor in activated_convolutions(graph, self.finals):
                if self._skipped(call):
                    continue
                if why := self._objection(asked, call, tensor):
                    self.ledger.refuse((asked,), call.path, "", None, why)
                    continue
                more = [block_size(tensor)] if asked == "drop_block" else []
                name = f"{graph.maker(tensor).operation.name}_{asked}"
                layer = self._made(INSERTED[asked], graph, name, tensor, rate, *more)
                self._after((asked,), graph, tensor, layer)

    def _dropout(self, head: Head, rate: float) -> None:
        graph, call = head.graph, head.call
        if call is None or head.kind == "other":
            what = call.path if call else "an input"
            why = "the output comes from it: name the layers after which to drop in rules"
            self.ledger.refuse(("dropout",), what, "", None, why)
        elif self._skipped(call):
            return
        elif head.kind == "pooling":
            tensor = call.outputs[0]
            name = f"{call.operation.name}_dropout"
            layer = self._made(layers.Dropout, graph, name, tensor, rate)
            self._after(("dropout",), graph, tensor, layer)
        elif present := head.dropout:
            old = present.operation
            dtype = present.outputs[0].dtype
            layer = layers.Dropout(rate, seed=self.seeds(), name=old.name, dtype=dtype)
            self.edits.swapped[id(old)] = lambda copier: layer
            self.ledger.done(("dropout",), present.path, f"instead of rate {old.rate:g}", layer)
        else:
            name = f"{call.operation.name}_dropout"
            layer = self._made(layers.Dropout, graph, name, call.inputs[0], rate)
            self.edits.before.setdefault(id(call.node), []).append(layer)
            where = f"before {call.operation.name}"
            self.ledger.done(("dropout",), graph.join(layer.name), where, layer)

    def _stochastic_depth(self, final: float) -> None:
        sums = [one for graph in self.graph.walk() for one in residual_sums(graph)]
        sums = [one for one in sums if not self._skipped(one.call)]
        rates = layers.linear_depth_rates(final, len(sums)) if sums else ()
        for one, rate in zip(sums, rates, strict=True):
            self._gate(one, rate)

    def _gate(self, one: ResidualSum, rate: float) -> None:
        operation, call = one.call.operation, one.call
        if isinstance(operation, layers.StochasticDepth):
            config = self.edits.configs.setdefault(id(operation), config_of(operation, call.path))
            config["rate"] = rate
            where = f"instead of rate {operation.rate:g}"
            layer = layers.StochasticDepth(rate, name=operation.name)
            self.ledger.done(("stochastic_depth",), call.path, where, layer)
            return
        name = operation.name
        if any(node is not call.node for node in _calls_of(one.graph, operation)):
            name = self.edits.name(one.graph, name)  # one layer sums in several places
        dtype = call.outputs[0].dtype
        layer = layers.StochasticDepth(rate, seed=self.seeds(), name=name, dtype=dtype)
        self.edits.rewired[id(call.node)] = _sum_by(layer, call.inputs[0] is one.shortcut)
        self.ledger.done(("stochastic_depth",), one.graph.join(name), "instead of a sum", layer)
        before = one.graph.maker(one.branch)  # what drops the branch already, if anything
        drops = before and is_sample_dropout(before.operation) and not self._skipped(before)
        if drops and len(one.graph.users(one.branch)) == 1:
            self.edits.removed.add(id(before.operation))

    def _drop_connect(self, rate: float) -> None:
        ends = {id(head.call.operation) for head in heads(self.graph) if head.call}
        for graph in self.graph.walk():
            for call in graph.calls:
                layer = call.operation
                wraps = isinstance(layer, layers.DropConnect)
                if not (wraps or isinstance(layer, KERNEL_LAYERS)) or self._skipped(call):
                    continue
                if id(layer) in ends or id(layer) in self.edits.swapped:
                    continue
                self._thin(call, rate)

    def _thin(self, call: Call, rate: float) -> None:
        layer, asked = call.operation, ("drop_connect",)
        config = self.edits.configs.setdefault(id(layer), config_of(layer, call.path))
        if isinstance(layer, layers.DropConnect):
            where = f"instead of rate {layer.rate:g}"
            config["rate"] = rate
            self.ledger.done(asked, call.path, where, layers.DropConnect(_bare(), rate))
        elif layer.quantization_mode or getattr(layer, "lora_enabled", False):
            why = "it is quantized or has LoRA: regularize before that"
            self.ledger.refuse(asked, call.path, "", None, why)
        else:
            seed = self.seeds()
            self.edits.swapped[id(layer)] = lambda copier: _wrapped(copier, layer, rate, seed)
            where = f"around {layer.name}"
            self.ledger.done(asked, call.path, where, layers.DropConnect(_bare(), rate))

    # At the inputs

    def _noise(self, stddev: float) -> None:
        for tensor in self.graph.inputs:
            name = tensor._keras_history.operation.name
            if not is_real(tensor):
                self.ledger.refuse(("noise",), name, "", None, f"it holds {tensor.dtype}")
                continue
            place = first_of_data(self.graph, tensor)
            kind, name = layers.GaussianNoise, f"{name}_noise"
            layer = self._made(kind, self.graph, name, place, stddev)
            self._after(("noise",), self.graph, place, layer)

    def _augmentation(self, tier: str, value_range: Any) -> None:
        for tensor in self.graph.inputs:
            name, shape = tensor._keras_history.operation.name, tuple(tensor.shape[1:])
            if why := _no_front(tensor, shape):
                self.ledger.refuse(("augmentation",), name, "", None, why)
                continue
            given = {"value_range": _checked_range(value_range)} if len(shape) == 3 else {}
            steps = resolve_augmentation(tier, shape, **given).layers
            name = self.edits.name(self.graph, f"{name}_augmentation")
            layer = Pipeline(steps, seed=self.seeds(), name=name)
            self._after(("augmentation",), self.graph, tensor, layer)


def block_size(tensor: Any) -> int:
    """The side of a block: a quarter of the shortest side of a feature map, from 1 to 7."""
    return min(max(min(tensor.shape[1:-1]) // 4, 1), _LARGEST_BLOCK)


def _calls_of(graph: Graph, operation: Any) -> list[Any]:
    return [call.node for call in graph.calls if call.operation is operation]


def _sum_by(layer: layers.StochasticDepth, shortcut_first: bool) -> Callable[..., Any]:
    """A call of `layer` in place of that of a sum, whatever form its arguments have."""

    def call(copier: Copier, *args: Any, **kwargs: Any) -> Any:
        pair = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
        return layer(pair if shortcut_first else pair[::-1])

    return call


def _wrapped(copier: Copier, layer: Any, rate: float, seed: int) -> layers.DropConnect:
    """A copy of `layer` in a `DropConnect` of its name, which takes over its activity penalty."""
    penalty = copier.edits.configs[id(layer)].pop("activity_regularizer", None)
    return layers.DropConnect(
        copier.plain(layer),
        rate,
        seed=seed,
        name=layer.name,
        trainable=layer.trainable,
        activity_regularizer=penalty,
    )


def _bare() -> keras.layers.Layer:
    return keras.layers.Dense(1)


def _no_front(tensor: Any, shape: tuple[Any, ...]) -> str:
    """Why an input cannot be augmented; empty if it can."""
    if len(shape) not in _FRONT_RANKS:
        return f"of shape {shape} it is none of {', '.join(_FRONT_RANKS.values())}"
    if len(shape) < 3 and not is_real(tensor):
        return f"it holds {tensor.dtype}"
    return "its length is open: give input_shape" if len(shape) == 2 and None in shape else ""


def _checked_range(value_range: Any) -> Any:
    if value_range is None:
        raise ValueError(
            "augmentation of images needs value_range, the lowest and the highest value of a "
            "pixel as the model gets it, for example (0, 255). Received: value_range=None"
        )
    return value_range
