"""`Copier`: copy a model with some edits, and its weights bit by bit."""

import inspect
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import tree

from ...core.checks import check_integer
from ...core.model_graph import Call, Functional, ModelGraph, call_of, can_be_rebuilt
from ..layers.penalized import Penalized, arguments_of, base_of, penalized
from .transfer import Transfer

# `keras.models.clone_model(clone_function=, call_function=)` is not enough: its functions do not
# know at which of its places a layer is called; it takes no `call_function` for Sequential models;
# it loses masks of inputs, optional inputs and frozen models; and it copies no weights.


Seeds = Callable[[], int]


@dataclass
class Edits:
    """The differences of a copy of a model; without any, it is a plain copy.

    Layers are keyed by their identity.

    Args:
        configs: New configs of layers.
        before: Layers to put before the first argument of a call.
        after: Layers to put after a tensor.
        swapped: Functions of the copier that return the replacement of a layer.
        rewired: Functions of the copier and the arguments that replace a call.
        rates: The rates of copies of layers that draw.
        penalties: New regularizers and constraints of weights inside of layers, by the key of the
            weight; see `Penalized`.
        rates_inside: The new rates of the dropout inside of layers.
        removed: Layers to leave out; their inputs are passed on.
        input_shape: The shape of the only input, without the batch; `None` leaves it.
    """

    configs: dict[int, dict[str, Any]] = field(default_factory=dict)
    before: dict[Call, list[keras.layers.Layer]] = field(default_factory=dict)
    after: dict[keras.KerasTensor, list[keras.layers.Layer]] = field(default_factory=dict)
    swapped: dict[int, Callable[[Any], Any]] = field(default_factory=dict)
    rewired: dict[Call, Callable[..., Any]] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    penalties: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    rates_inside: dict[int, float] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    input_shape: tuple[int, ...] | None = None
    _names: dict[int, set[str]] = field(default_factory=dict)

    def penalties_of(self, layer: Any) -> dict[str, dict[str, Any]]:
        """Return the penalties inside the copy of a layer, for editing."""
        if id(layer) not in self.penalties:
            has = layer.penalties if isinstance(layer, Penalized) else {}
            self.penalties[id(layer)] = {key: dict(values) for key, values in has.items()}
        return self.penalties[id(layer)]

    def name(self, graph: ModelGraph, wanted: str) -> str:
        """Return `wanted`, with a number if the model has that name already."""
        taken = self._names.setdefault(id(graph), set(graph.names))
        name, numbers = wanted, itertools.count(1)
        while name in taken:
            name = f"{wanted}_{next(numbers)}"
        taken.add(name)
        return name


def seed_source(seed: int | None) -> Seeds:
    """Return a function that draws a seed for each new layer, repeatable for an integer `seed`."""
    check_integer("seed", seed, minimum=0, optional=True)
    source = random.Random(random.getrandbits(31) if seed is None else seed)
    return lambda: source.getrandbits(31)


class Copier:
    """Copies a model layer by layer, each from its config, and calls the copies as the originals.

    A layer or an inner model that is called in several places is copied once. Names, nesting, call
    arguments, masks and frozen weights stay. The original is not changed, and shares nothing.

    Args:
        edits: The differences.
        keep: Whether penalties and constraints of variables must be on their copies.

    Attributes:
        pairs: Each original layer with its copy and its path.

    Raises:
        ValueError: If a layer cannot be made from its config; the message names it.
    """

    def __init__(self, edits: Edits, *, keep: bool = True):
        self.edits = edits
        self._keep, self._transfer = keep, Transfer(keep=keep)
        self._copies: dict[int, Any] = {}
        self._plain: dict[int, Any] = {}
        self.pairs: list[tuple[Any, Any, str]] = []
        self._inner: dict[int, ModelGraph] = {}
        self._initializers: list[tuple[Any, str, Any]] = []
        self._paths: dict[int, tuple[str, ...]] = {}

    def model(self, graph: ModelGraph) -> keras.Model:
        """Return the copy of a model, with its state."""
        self._paths = graph.paths()
        copy = self._model(graph)
        if type(copy) is not type(graph.model):
            _check_nesting(graph)
        self._fill()
        _check_complete(graph.model, [*(old for old, _, _ in self.pairs), *self._replaced(graph)])
        return copy

    def opaque(self, model: keras.Model) -> keras.Model:
        """Return the copy of a subclassed model, from its config, with its state."""
        copy = self.plain(model)
        copy.build_from_config(model.get_build_config())
        self._fill()
        return copy

    def path(self, operation: Any) -> str:
        """Return the path of a layer of the original."""
        return self._paths.get(id(operation), (operation.name,))[0]

    def plain_copy(self, layer: Any) -> Any:
        """Return the copy of a layer itself, without its wrapper."""
        return self._plain[id(layer)]

    @property
    def originals(self) -> dict[int, Any]:
        """The weights of the original, by the identity of their copies."""
        return self._transfer.originals

    def _replaced(self, graph: ModelGraph) -> list[Any]:
        """Return the layers that are left out or replaced."""
        edits = self.edits
        gone = edits.removed | set(edits.swapped)
        return [
            call.operation
            for each in graph.walk()
            for call in each.calls
            if id(call.operation) in gone
            or (call in edits.rewired and isinstance(call.operation, keras.layers.Layer))
        ]

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
        """Return a copy of one layer from its config; it gets its weights in the end."""
        path = self.path(operation)
        copy = copy_of(operation, path, self.edits.configs.get(id(operation)))
        if isinstance(operation, keras.layers.Layer):
            penalties = self.edits.penalties_of(operation) if self._keep else {}
            by_attributes = needs_attributes(operation)
            if penalties or by_attributes:
                copy = penalized(copy, penalties, config_from_attributes=by_attributes)
            self._plain[id(operation)] = copy
            self.pairs.append((operation, copy, path))
            self._put_off_initializers(copy)
        return copy

    def _put_off_initializers(self, copy: keras.layers.Layer) -> None:
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
            # Operations compute masks; the copies of the layers compute theirs themselves.
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
                f"Layer {call.path!r} ({call.kind}), made anew from its config, cannot be called "
                f"as in the original. Complete its get_config. Keras says: {error}"
            ) from error

    def _input(self, graph: ModelGraph, tensor: Any) -> keras.layers.InputLayer:
        original = call_of(tensor).operation
        config = original.get_config()
        if self.edits.input_shape is not None and not graph.path:
            config["batch_shape"] = (tensor.shape[0], *self.edits.input_shape)
        return self._copies.setdefault(id(original), type(original).from_config(config))


def prepared(model: keras.Model, input_shape: tuple[int, ...] | None = None) -> keras.Model:
    """Return the model itself, or a built copy of it with the given input shape.

    Args:
        model: The original.
        input_shape: The shape of a sample, for a model that is not built or leaves sizes open.

    Raises:
        ValueError: If the model is not built, or `input_shape` does not fit.
    """
    if isinstance(model, keras.Sequential) and not model.built:
        if input_shape is None:
            raise ValueError(
                f"Model {model.name!r} has no input shape yet: give `input_shape`, the shape of "
                "one sample. Received: input_shape=None"
            )
        copy = copy_of(model, model.name)
        copy.build((None, *input_shape))
        return copy
    if not model.built:
        raise ValueError(
            f"Model {model.name!r} has no weights yet: call it once on data, then regularize it."
        )
    if input_shape is None:
        return model
    if not can_be_rebuilt(model):
        raise ValueError(
            f"`input_shape` must be None: {model.name!r} is subclassed. "
            f"Received: input_shape={input_shape}"
        )
    graph = ModelGraph(model, rebuildable=True)
    shapes = [tuple(tensor.shape[1:]) for tensor in graph.inputs]
    new = tuple(input_shape)
    fits = [
        len(new) == len(shape)
        and all(size in (None, one) for one, size in zip(new, shape, strict=True))
        for shape in shapes
    ]
    if fits != [True]:
        raise ValueError(
            "`input_shape` must fill in the open sizes of the only input. "
            f"{model.name!r} has {', '.join(map(str, shapes))}. Received: input_shape={input_shape}"
        )
    return Copier(Edits(input_shape=new)).model(graph)


def config_of(operation: Any, path: str) -> dict[str, Any]:
    """Return the config of a layer or an operation, or raise a `ValueError` that names it."""
    try:
        if isinstance(operation, keras.layers.Layer) and needs_attributes(operation):
            return arguments_of(operation)
        return _layer_config(operation)
    except Exception as error:  # user-defined layers may raise anything
        raise _not_copied(operation, path, error) from error


def _layer_config(operation: Any) -> dict[str, Any]:
    return operation.layer_config() if isinstance(operation, Penalized) else operation.get_config()


def needs_attributes(layer: Any) -> bool:
    """Return whether the config of a layer is wrong, so that its attributes must be read.

    The `get_config` of some layers of keras-hub fails, or has keys that the constructor does not
    take: ViTPatchingAndEmbedding, LlamaTransformerDecoder (0.32). A user can correct other classes.
    """
    kind = base_of(type(layer))
    if kind.__module__.split(".")[0] != "keras_hub" or isinstance(layer, keras.Model):
        return False
    try:
        config = _layer_config(layer)
    except AttributeError:
        return True
    taken = inspect.signature(kind.__init__).parameters
    return not {*config} <= {*taken, "name", "trainable", "dtype", "activity_regularizer"}


def copy_of(operation: Any, path: str, config: dict[str, Any] | None = None) -> Any:
    """Return a new layer or operation from the config of another; it has no state yet.

    Raises:
        ValueError: If there is no such config, or the constructor fails.
    """
    config = config_of(operation, path) if config is None else config
    known = _is_known(type(operation).__module__)
    if known or type(operation).build is not keras.layers.Layer.build:
        _put_off_building(config)
    original_config = dict(config)
    try:
        if type(operation) is keras.layers.Lambda:
            return _copy_of_lambda(operation, config)
        made = base_of(type(operation)).from_config(dict(config))  # some empty their argument
    except Exception as error:  # user-defined layers may raise anything
        raise _not_copied(operation, path, error) from error
    name = original_config.get("name", operation.name)
    if made.name != name:  # some layers of keras-hub add to their name
        made.name = name
    if isinstance(operation, keras.layers.Layer):  # a user-defined get_config may lack these
        if "trainable" not in original_config:
            made.trainable = operation.trainable
        if "dtype" not in original_config:
            made.dtype_policy = operation.dtype_policy
    return made


def _is_known(module: str) -> bool:
    return module.split(".")[0] in ("keras", "occam")


def _put_off_building(config: dict[str, Any]) -> None:
    """Leave building inner layers to their layer, not to their deserialization.

    Otherwise the weights of an LSTM in a Bidirectional are named as if it stood alone, and a
    user-defined layer would build inner layers twice.
    """
    for value in config.values():
        for described in value if isinstance(value, list | tuple) else [value]:
            if isinstance(described, dict) and isinstance(described.get("config"), dict):
                described.pop("build_config", None)
                if _is_known(str(described.get("module"))):
                    _put_off_building(described["config"])


def _not_copied(operation: Any, path: str, error: Exception) -> ValueError:
    return ValueError(
        f"Layer {path!r} ({type(operation).__name__}) cannot be copied from its config. Give its "
        "class a get_config with all arguments, a constructor that hands **kwargs on to its base "
        f"class, and a from_config where an argument is an object. Keras says: {error}"
    )


def _copy_of_lambda(layer: Any, config: dict[str, Any]) -> keras.layers.Lambda:
    """Return a layer of the same Python function, which a config would change."""
    kept = ("name", "trainable", "dtype", "activity_regularizer")
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=layer.arguments,
        **{name: config[name] for name in kept if name in config},
    )


def _check_nesting(graph: ModelGraph) -> None:
    """Raise if a copy of Keras' own class could be saved, and not be loaded again."""
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
                        "copy could not be loaded: regularize the inner model by itself."
                    )


def _check_complete(model: keras.Model, known: list[Any]) -> None:
    copied = {id(weight) for layer in known for weight in layer.weights}
    if lost := [weight for weight in model.weights if id(weight) not in copied]:
        count = sum(math.prod(weight.shape) for weight in lost)
        raise ValueError(
            f"Model {model.name!r} has weights outside of its graph, {count} numbers: "
            f"{', '.join(weight.path for weight in lost[:5])}. Call their layers in the model."
        )
