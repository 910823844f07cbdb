"""`Copier`: a copy of a model with some edits, its weights bit by bit those of the original."""

import inspect
import math
from typing import Any

import keras
from keras import tree
from keras.src.models.functional import Functional

from ..layers.penalized import Penalized, arguments_of, base_of, penalized
from .edits import Edits
from .graph import Call, Graph
from .transfer import Transfer

__all__ = ["Copier", "config_of", "copy_of"]


class Copier:
    """Copies a model layer by layer, each from its config, and calls the copies as they were.

    What is called in several places is copied once, models inside of models as well; names,
    nesting, call arguments, masks, and which weights are frozen stay. Nothing of the original is
    changed or shared.

    Args:
        edits: what is to be different.
        keep: whether penalties and constraints of variables must be on their copies, too.

    Raises:
        ValueError: a layer cannot be made from its config; the message names it.
    """

    def __init__(self, edits: Edits, *, keep: bool = True):
        self.edits = edits
        self._keep, self._transfer = keep, Transfer(keep=keep)
        self._copies: dict[int, Any] = {}
        self._plain: dict[int, Any] = {}
        self.pairs: list[tuple[Any, Any, str]] = []  # original, copy, path
        self._inner: dict[int, Graph] = {}
        self._initializers: list[tuple[Any, str, Any]] = []
        self._paths: dict[int, tuple[str, ...]] = {}

    def model(self, graph: Graph) -> keras.Model:
        """The copy of a model, with its state."""
        self._paths = graph.paths()
        copy = self._model(graph)
        if type(copy) is not type(graph.model):
            _check_nesting(graph)
        self._fill()
        _check_complete(graph.model, [*(old for old, _, _ in self.pairs), *self._replaced(graph)])
        return copy

    def path(self, operation: Any) -> str:
        """The path of what is called in the original."""
        return self._paths.get(id(operation), (operation.name,))[0]

    def plain_copy(self, layer: Any) -> Any:
        """The copy of a layer from its config, also where something was put around it."""
        return self._plain[id(layer)]

    @property
    def originals(self) -> dict[int, Any]:
        """The weights of the original, by the identity of their copies."""
        return self._transfer.originals

    def _replaced(self, graph: Graph) -> list[Any]:
        """The layers of which there is no copy: they are left out, or others are called."""
        edits = self.edits
        return [
            call.operation
            for each in graph.walk()
            for call in each.calls
            if id(call.operation) in edits.removed | set(edits.swapped)
            or (id(call.node) in edits.rewired and isinstance(call.operation, keras.layers.Layer))
        ]

    def opaque(self, model: keras.Model) -> keras.Model:
        """The copy of a model that is subclassed, from its config, with its state."""
        copy = self.plain(model)
        copy.build_from_config(model.get_build_config())
        self._fill()
        return copy

    def _fill(self) -> None:
        """Gives all copies the state of their originals."""
        for layer, name, initializer in self._initializers:
            setattr(layer, name, initializer)
        for original, made, path in self.pairs:
            self._transfer(original, made, path, self.edits.rates_inside.get(id(original)))
            if (rate := self.edits.rates.get(id(original))) is not None:
                made.rate = rate

    def layer(self, operation: Any) -> Any:
        """The copy of what is called, made when it is first asked for."""
        if id(operation) not in self._copies:
            self._copies[id(operation)] = self._made(operation)
        return self._copies[id(operation)]

    def _made(self, operation: Any) -> Any:
        if swap := self.edits.swapped.get(id(operation)):
            return swap(self)
        if inner := self._inner.get(id(operation)):
            return self._model(inner)
        return self.plain(operation)

    def plain(self, operation: Any) -> Any:
        """A copy of one layer from its config, to which weights are given in the end."""
        path = self.path(operation)
        copy = copy_of(operation, path, self.edits.configs.get(id(operation)))
        if isinstance(operation, keras.layers.Layer):
            given = self.edits.penalties_of(operation) if self._keep else {}
            mended = is_mended(operation)
            if given or mended:
                copy = penalized(copy, given, config_from_attributes=mended)
            self._plain[id(operation)] = copy
            self.pairs.append((operation, copy, path))
            self._put_off_initializers(copy)
        return copy

    def _put_off_initializers(self, copy: keras.layers.Layer) -> None:
        # Drawing initial weights, which are overwritten at once, takes a third of the time.
        for layer in copy._flatten_layers():
            for name, initializer in list(vars(layer).items()):
                ours = type(layer).__module__.startswith("keras.") and not name.startswith("_")
                if ours and isinstance(initializer, keras.initializers.Initializer):
                    self._initializers.append((layer, name, initializer))
                    setattr(layer, name, keras.initializers.Zeros())

    def _model(self, graph: Graph) -> keras.Model:
        self._inner |= graph.inner
        sequential = isinstance(graph.model, keras.Sequential)
        if sequential and not any(id(call.node) in self.edits.rewired for call in graph.calls):
            return self._sequential(graph)
        return self._functional(graph)

    def _sequential(self, graph: Graph) -> keras.Model:
        edits, layers = self.edits, [self._input(graph, graph.inputs[0])]
        layers += edits.after.get(id(graph.inputs[0]), [])
        for call in graph.calls:
            # What is no layer computes a mask; the copies of the layers compute theirs themselves.
            is_layer = isinstance(call.operation, keras.layers.Layer)
            if not is_layer or id(call.operation) in edits.removed:
                continue
            layers += edits.before.get(id(call.node), [])
            layers += [self.layer(call.operation)]
            layers += edits.after.get(id(call.outputs[0]), [])
        model = graph.model
        kind = type(model) if type(model).__init__ is keras.Sequential.__init__ else None
        return (kind or keras.Sequential)(layers, name=model.name, trainable=model.trainable)

    def _functional(self, graph: Graph) -> keras.Model:
        tensors: dict[int, Any] = {}

        def put(old: Any, new: Any) -> None:
            for layer in self.edits.after.get(id(old), ()):
                new = layer(new)
            tensors[id(old)] = new

        inputs = {id(tensor): self._input(graph, tensor).output for tensor in graph.inputs}
        for tensor in graph.inputs:
            put(tensor, inputs[id(tensor)])
        for call in graph.calls:
            outputs = tree.flatten(self._call(call, *call.node.arguments.fill_in(tensors)))
            for old, new in zip(call.outputs, outputs, strict=True):
                put(old, new)
        functional, model = graph.functional, graph.model
        kind = type(model) if type(model).__init__ is Functional.__init__ else Functional
        return kind(
            tree.map_structure(lambda tensor: inputs[id(tensor)], functional.input),
            tree.map_structure(lambda tensor: tensors[id(tensor)], functional.output),
            name=model.name,
            trainable=model.trainable,
        )

    def _call(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if rewired := self.edits.rewired.get(id(call.node)):
            return rewired(self, *args, **kwargs)
        if id(call.operation) in self.edits.removed:
            return tree.flatten((args, kwargs))[0]
        for layer in self.edits.before.get(id(call.node), ()):
            args, kwargs = _first_through(layer, args, kwargs)
        layer = self.layer(call.operation)
        try:
            return layer(*args, **kwargs)
        except Exception as error:  # of a layer of anyone's
            raise _not_called(call, error) from error

    def _input(self, graph: Graph, tensor: Any) -> keras.layers.InputLayer:
        original = tensor._keras_history.operation
        config = original.get_config()
        if self.edits.input_shape is not None and not graph.path:
            config["batch_shape"] = (tensor.shape[0], *self.edits.input_shape)
        return self._copies.setdefault(id(original), type(original).from_config(config))


def _first_through(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The arguments of a call, the first of them passed through a layer."""
    if args:
        return (layer(args[0]), *args[1:]), kwargs
    name = next(iter(kwargs))
    return args, {**kwargs, name: layer(kwargs[name])}


def config_of(operation: Any, path: str) -> dict[str, Any]:
    """The config of a layer or an operation.

    Raises:
        ValueError: it has none; the message names it.
    """
    try:
        if isinstance(operation, keras.layers.Layer) and is_mended(operation):
            return arguments_of(operation)
        return (
            operation.layer_config() if isinstance(operation, Penalized) else operation.get_config()
        )
    except Exception as error:  # of a layer of anyone's
        raise _not_copied(operation, path, error) from error


def is_mended(layer: Any) -> bool:
    """Whether the arguments of a layer are to be read from its attributes, not from its config.

    The `get_config` of some layers of keras-hub fails, or has what the constructor does not take:
    ViTPatchingAndEmbedding, LlamaTransformerDecoder (0.32). A class of one's own can be corrected.
    """
    kind = base_of(type(layer))
    if kind.__module__.split(".")[0] != "keras_hub" or isinstance(layer, keras.Model):
        return False
    try:
        config = layer.layer_config() if isinstance(layer, Penalized) else layer.get_config()
    except AttributeError:
        return True
    taken = inspect.signature(kind.__init__).parameters
    return not {*config} <= {*taken, "name", "trainable", "dtype", "activity_regularizer"}


def copy_of(operation: Any, path: str, config: dict[str, Any] | None = None) -> Any:
    """A new layer or operation from the config of another; it has no state yet.

    Raises:
        ValueError: there is no such config, or it makes no layer.
    """
    config = config_of(operation, path) if config is None else config
    if _is_known(type(operation).__module__) or _builds(operation):
        _put_off_building(config)
    said = dict(config)
    try:
        if type(operation) is keras.layers.Lambda:
            return _copy_of_lambda(operation, config)
        made = base_of(type(operation)).from_config(dict(config))  # some empty what they get
    except Exception as error:  # of a layer of anyone's
        raise _not_copied(operation, path, error) from error
    _complete(made, operation, said)
    return made


def _complete(made: Any, operation: Any, said: dict[str, Any]) -> None:
    """What every layer has, where a get_config of someone's own does not say it."""
    name = said.get("name", operation.name)
    if made.name != name:  # some layers of keras-hub add to the name that they are given
        made.name = name
    if isinstance(operation, keras.layers.Layer):
        if "trainable" not in said:
            made.trainable = operation.trainable
        if "dtype" not in said:
            made.dtype_policy = operation.dtype_policy


def _is_known(module: str) -> bool:
    return module.split(".")[0] in ("keras", "occam")


def _builds(operation: Any) -> bool:
    """Whether the class of a layer has a `build` of its own, for what it holds."""
    return type(operation).build is not keras.layers.Layer.build


def _put_off_building(config: dict[str, Any]) -> None:
    """Lets a layer build what it holds, instead of its deserialization.

    Else the weights of an LSTM in a Bidirectional are called as if it stood alone, and a layer of
    someone's own would build what is built.
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
        "class a get_config with all arguments of its constructor, a constructor that hands "
        "**kwargs on to that of its base class, and a from_config where an argument is an object. "
        f"Keras says: {error}"
    )


def _not_called(call: Call, error: Exception) -> ValueError:
    return ValueError(
        f"Layer {call.path!r} ({type(call.operation).__name__}), made anew from its config, cannot "
        "be called as it was in the original. Let its get_config say all that its call depends on. "
        f"Keras says: {error}"
    )


def _copy_of_lambda(layer: Any, config: dict[str, Any]) -> keras.layers.Lambda:
    """The same Python function: what Keras makes of a config loses what the function refers to."""
    kept = ("name", "trainable", "dtype", "activity_regularizer")
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=layer.arguments,
        **{name: config[name] for name in kept if name in config},
    )


def _check_nesting(graph: Graph) -> None:
    """Raises ValueError if a copy of Keras' own class could be saved, and not be loaded again."""
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
                        "functional model, which the copy would be, cannot be loaded with such a "
                        "layer: regularize the inner model by itself."
                    )


def _check_complete(model: keras.Model, known: list[Any]) -> None:
    copied = {id(weight) for layer in known for weight in layer.weights}
    if lost := [weight for weight in model.weights if id(weight) not in copied]:
        count = sum(math.prod(weight.shape) for weight in lost)
        raise ValueError(
            f"Model {model.name!r} has weights that no layer of its graph has, {count} numbers: "
            f"{', '.join(weight.path for weight in lost[:5])}. Call their layers in the model."
        )
