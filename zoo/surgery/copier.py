"""`Copier`: copy a model with some edits, and its weights bit by bit."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from ...core.checks import message
from ...core.model_graph import Call, Functional, ModelGraph, call_of, can_be_rebuilt
from ..layers.penalized import Penalized, penalized
from .layer_copy import copy_layer, needs_attributes
from .transfer import Transfer

# `keras.models.clone_model(clone_function=, call_function=)` is not enough. Its functions do not
# know which of the calls of a layer they see. It takes no `call_function` for Sequential models,
# loses masks of inputs, optional inputs and frozen models, and copies no weights.


class Edits:
    """The differences between a model and its copy; the keys of layers are their identities."""

    def __init__(self, input_shape: tuple[int, ...] | None = None):
        self.input_shape = input_shape  # of a sample; None keeps it
        self.configs: dict[int, dict[str, Any]] = {}  # the new configs of layers
        self.removed: set[int] = set()  # layers to leave out
        self.swapped: dict[int, Callable[[Any], Any]] = {}  # f(copier) makes the new layer
        self.rewired: dict[Call, Callable[..., Any]] = {}  # f(copier, *arguments) replaces a call
        self.before: dict[Call, list[keras.layers.Layer]] = {}  # new layers at the first argument
        self.after: dict[keras.KerasTensor, list[keras.layers.Layer]] = {}  # new layers
        self.rates: dict[int, float] = {}  # the new drop rates of Occam's layers
        self.rates_inside: dict[int, float] = {}  # the new drop rates inside composite layers
        self.penalties: dict[int, dict[str, dict[str, Any]]] = {}  # inside layers, see `Penalized`
        self._names: dict[int, set[str]] = {}

    def penalties_of(self, layer: Any) -> dict[str, dict[str, Any]]:
        """Return the penalties inside the copy of a layer, for editing."""
        if id(layer) not in self.penalties:
            has = layer.penalties if isinstance(layer, Penalized) else {}
            self.penalties[id(layer)] = {key: dict(values) for key, values in has.items()}
        return self.penalties[id(layer)]

    def name(self, graph: ModelGraph, wanted: str) -> str:
        """Return `wanted`, with a suffix if the model has that name already."""
        taken = self._names.setdefault(id(graph), set(graph.names))
        name, numbers = wanted, itertools.count(1)
        while name in taken:
            name = f"{wanted}_{next(numbers)}"
        taken.add(name)
        return name


class Copier:
    """Copies a model layer by layer, each from its config, and calls the copies like the originals.

    A layer or inner model with several calls is copied once. Names, nesting, call arguments, masks
    and frozen weights stay the same. The copy shares nothing with the original. With `keep`, it is
    an error if the copy of a variable lacks its penalty or constraint.
    """

    def __init__(self, edits: Edits, *, keep: bool = True):
        self.edits = edits
        self._keep, self._transfer = keep, Transfer(keep=keep)
        self.originals = self._transfer.originals  # weights, by the identity of their copies
        self.pairs: list[tuple[Any, Any, str]] = []  # each layer, its copy and its path
        self.unwrapped: dict[int, Any] = {}  # the copies of layers without a new wrapper
        self._copies: dict[int, Any] = {}
        self._inner: dict[int, ModelGraph] = {}
        self._initializers: list[tuple[Any, str, Any]] = []
        self._paths: dict[int, tuple[str, ...]] = {}

    def model(self, graph: ModelGraph) -> keras.Model:
        """Return the copy of a model with its weights."""
        self._paths = graph.paths()
        copy = self._model(graph)
        if type(copy) is not type(graph.model):
            _check_nesting(graph)
        self._fill()
        _check_complete(graph.model, [*(old for old, _, _ in self.pairs), *self._replaced(graph)])
        return copy

    def opaque(self, model: keras.Model) -> keras.Model:
        """Return the copy of a subclassed model, from its config, with its weights."""
        copy = self.plain(model)
        copy.build_from_config(model.get_build_config())
        self._fill()
        return copy

    def path(self, operation: Any) -> str:
        """Return the path of a layer of the original."""
        return self._paths.get(id(operation), (operation.name,))[0]

    def _replaced(self, graph: ModelGraph) -> list[Any]:
        """Return the removed and replaced layers."""
        calls = [call for each in graph.walk() for call in each.calls]
        gone = {*self.edits.removed, *self.edits.swapped}
        gone |= {id(call.operation) for call in calls if call in self.edits.rewired}
        operations = [call.operation for call in calls if id(call.operation) in gone]
        return [each for each in operations if isinstance(each, keras.layers.Layer)]

    def _fill(self) -> None:
        for layer, name, initializer in self._initializers:
            setattr(layer, name, initializer)
        for original, made, path in self.pairs:
            self._transfer(original, made, path, self.edits.rates_inside.get(id(original)))
            if (rate := self.edits.rates.get(id(original))) is not None:
                made.rate = rate

    def layer(self, operation: Any) -> Any:
        """Return the copy of a layer or operation."""
        key = id(operation)
        if key not in self._copies:
            if swap := self.edits.swapped.get(key):
                self._copies[key] = swap(self)
            elif inner := self._inner.get(key):
                self._copies[key] = self._model(inner)
            else:
                self._copies[key] = self.plain(operation)
        return self._copies[key]

    def plain(self, operation: Any) -> Any:
        """Return a copy of one layer from its config; it gets its weights at the end."""
        path = self.path(operation)
        copy = copy_layer(operation, path, self.edits.configs.get(id(operation)))
        if isinstance(operation, keras.layers.Layer):
            penalties = self.edits.penalties_of(operation) if self._keep else {}
            by_attributes = needs_attributes(operation)
            if penalties or by_attributes:
                copy = penalized(copy, penalties, config_from_attributes=by_attributes)
            self.unwrapped[id(operation)] = copy
            self.pairs.append((operation, copy, path))
            self._set_aside_initializers(copy)
        return copy

    def _set_aside_initializers(self, copy: keras.layers.Layer) -> None:
        # Drawing initial weights, which are overwritten at once, takes a third of the time.
        for layer in copy._flatten_layers():
            for name, initializer in list(vars(layer).items()):
                public = type(layer).__module__.startswith("keras.") and not name.startswith("_")
                if public and isinstance(initializer, keras.initializers.Initializer):
                    self._initializers.append((layer, name, initializer))
                    setattr(layer, name, keras.initializers.Zeros())

    def _model(self, graph: ModelGraph) -> keras.Model:
        self._inner |= graph.inner
        sequential = isinstance(graph.model, keras.Sequential)
        if sequential and not any(call in self.edits.rewired for call in graph.calls):
            return self._sequential(graph)
        return self._functional(graph)

    def _sequential(self, graph: ModelGraph) -> keras.Model:
        edits, layers = self.edits, [self._input(graph, graph.inputs[0])]
        layers += edits.after.get(graph.inputs[0], [])
        for call in graph.calls:
            # Operations compute masks, which the copies of the layers compute themselves.
            is_layer = isinstance(call.operation, keras.layers.Layer)
            if not is_layer or id(call.operation) in edits.removed:
                continue
            layers += edits.before.get(call, [])
            layers += [self.layer(call.operation)]
            layers += edits.after.get(call.outputs[0], [])
        model = graph.model
        kind = type(model) if type(model).__init__ is keras.Sequential.__init__ else None
        return (kind or keras.Sequential)(layers, name=model.name, trainable=model.trainable)

    def _functional(self, graph: ModelGraph) -> keras.Model:
        tensors: dict[keras.KerasTensor, Any] = {}

        def put(old: Any, new: Any) -> None:
            for layer in self.edits.after.get(old, ()):
                new = layer(new)
            tensors[old] = new

        inputs = {tensor: self._input(graph, tensor).output for tensor in graph.inputs}
        for tensor in graph.inputs:
            put(tensor, inputs[tensor])
        for call in graph.calls:
            outputs = tree.flatten(self._call(call, *call.fill_in(tensors)))
            for old, new in zip(call.outputs, outputs, strict=True):
                put(old, new)
        functional, model = graph.functional, graph.model
        kind = type(model) if type(model).__init__ is Functional.__init__ else Functional
        return kind(
            tree.map_structure(inputs.__getitem__, functional.input),
            tree.map_structure(tensors.__getitem__, functional.output),
            name=model.name,
            trainable=model.trainable,
        )

    def _call(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if rewired := self.edits.rewired.get(call):
            return rewired(self, *args, **kwargs)
        if id(call.operation) in self.edits.removed:
            return tree.flatten((args, kwargs))[0]
        for layer in self.edits.before.get(call, ()):
            if args:
                args = (layer(args[0]), *args[1:])
            else:
                name = next(iter(kwargs))
                kwargs = {**kwargs, name: layer(kwargs[name])}
        layer = self.layer(call.operation)
        try:
            return layer(*args, **kwargs)
        except Exception as error:  # user-defined layers may raise anything
            raise ValueError(
                f"Layer {call.path!r} ({call.kind}) was rebuilt from its config and cannot be "
                "called like the original. Make its `get_config` return every argument of its "
                f"constructor. Keras says: {error}"
            ) from error

    def _input(self, graph: ModelGraph, tensor: Any) -> keras.layers.InputLayer:
        original = call_of(tensor).operation
        config = original.get_config()
        if self.edits.input_shape is not None and not graph.path:
            config["batch_shape"] = (tensor.shape[0], *self.edits.input_shape)
        return self._copies.setdefault(id(original), type(original).from_config(config))


def prepared(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> keras.Model:
    """Return the model, or a built copy of it with the given shape of a sample."""
    if isinstance(model, keras.Sequential) and not model.built:
        if input_shape is None:
            raise ValueError(
                f"Model {model.name!r} has no input shape yet: give `input_shape`, the shape of "
                "one sample."
            )
        copy = copy_layer(model, model.name)
        copy.build((None, *input_shape))
        return copy
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights yet: call it once on data, then regularize it."
        )
    if input_shape is None:
        return model
    if not can_be_rebuilt(model):
        expected = f"None, because model {model.name!r} is subclassed"
        raise ValueError(message("input_shape", input_shape, expected))
    graph = ModelGraph(model, rebuildable=True)
    shapes = [tuple(tensor.shape[1:]) for tensor in graph.inputs]
    new = tuple(input_shape)
    fits = [
        len(new) == len(shape)
        and all(size in (None, one) for one, size in zip(new, shape, strict=True))
        for shape in shapes
    ]
    if fits != [True]:
        has = f"Model {model.name!r} has {', '.join(map(str, shapes))}"
        expected = f"the complete shape of the only input. {has}"
        raise ValueError(message("input_shape", input_shape, expected))
    return Copier(Edits(input_shape=new)).model(graph)


def _check_nesting(graph: ModelGraph) -> None:
    """Raise if a copy of Keras' own class could be saved but not loaded again."""
    models: dict[int, set[str]] = {}
    for each in graph.walk():
        for call in each.calls:
            if getattr(call.operation, "weights", ()) and id(call.operation) not in each.inner:
                where = models.setdefault(id(call.operation), set())
                where.add(each.path or each.model.name)
                if len(where) > 1:
                    raise ValueError(
                        f"{type(graph.model).__name__} {graph.model.name!r} calls layer "
                        f"{call.operation.name!r} in the models {' and '.join(sorted(where))}. A "
                        "saved copy could not be loaded: regularize the inner model alone."
                    )


def _check_complete(model: keras.Model, known: list[Any]) -> None:
    copied = {id(weight) for layer in known for weight in layer.weights}
    if lost := [weight for weight in model.weights if id(weight) not in copied]:
        count = sum(math.prod(weight.shape) for weight in lost)
        raise ValueError(
            f"Model {model.name!r} has {len(lost)} weights ({count} values) that no layer of its "
            f"graph uses: {', '.join(weight.path for weight in lost[:5])}"
            f"{', ...' if len(lost) > 5 else ''}. Call the layers that own them in the model."
        )
