"""`Penalized`: a layer whose weights have penalties that its own config has no place for."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

__all__ = ["Penalized", "penalized"]

Given = Mapping[str, Mapping[str, Any]]  # by the key of a weight: its regularizer, its constraint

_KINDS = ("regularizer", "constraint")


@keras.saving.register_keras_serializable(package="occam")
class Penalized(keras.layers.Layer):
    """What `penalized` adds to the class of a layer: penalties and constraints on weights inside.

    A layer that makes other layers, such as a transformer block, seldom takes a regularizer for
    their kernels, and what is put on a variable afterwards is lost when the model is saved. Here
    the config holds it, beside that of the layer itself:

        {"layer": <the layer, serialized>,
         "weights": {"_self_attention_layer/_query_dense/kernel": {"regularizer": ...}, ...}}

    The layer stays what it is: its class is one derived from the original one, so that its name,
    weights, arguments and attributes, and `isinstance`, are as before. After `save` and
    `load_model`, `clone_model` and `from_config` the penalties are on the same weights.

    A penalty is on the variable and, where the layer that owns it has one, in the attribute
    `<name>_regularizer`. Strengths can be changed at any time: `variable.regularizer.l2 = 1e-4`.
    """

    _given: Given
    _mended: bool
    _settled: bool = False

    def __call__(self, *args, **kwargs):
        outputs = super().__call__(*args, **kwargs)
        self._settle()  # some layers have their weights after the first call only
        return outputs

    def build_from_config(self, config):
        super().build_from_config(config)
        self._settle()

    def _settle(self):
        if self._settled:
            return
        if not self.trainable:
            # Keras 3.15 hands `trainable=False` of a constructor on to no layer inside.
            for layer in self._flatten_layers(include_self=False):
                layer.trainable = False
        self.put_penalties()

    @property
    def penalties(self) -> Given:
        """The regularizer and the constraint of weights, by their keys; see `weights_by_key`."""
        return self._given

    @property
    def mended(self) -> bool:
        """Whether its arguments are read from its attributes, as its own config is not right."""
        return self._mended

    def put_penalties(self) -> None:
        """Puts them on the weights that there are by now."""
        weights = weights_by_key(self)
        for key, values in self._given.items():
            if key in weights:
                owner, weight = weights[key]
                for kind, value in values.items():
                    _put(owner, weight, kind, value)
        settled = self.built and self._given.keys() <= weights.keys()
        object.__setattr__(self, "_settled", settled)

    def layer_config(self) -> dict[str, Any]:
        """The config of the layer itself, of the class that it was before."""
        if self._mended:
            return arguments_of(self)
        with _as_before(self):
            return self.get_config()

    def get_config(self):
        return {
            "layer": self._serialized(),
            "weights": {
                key: {kind: keras.saving.serialize_keras_object(v) for kind, v in values.items()}
                for key, values in self._given.items()
            },
            "mended": self._mended,
        }

    def _serialized(self) -> dict[str, Any]:
        if not self._mended:
            with _as_before(self):
                described: Any = keras.saving.serialize_keras_object(self)
            described.pop("build_config", None)  # the outer layer has it
            return described
        kind = base_of(type(self))
        return {
            "module": kind.__module__,
            "class_name": kind.__name__,
            "config": keras.saving.serialize_keras_object(arguments_of(self)),
            "registered_name": keras.saving.get_registered_name(kind),
        }

    @classmethod
    def from_config(cls, config):
        described, kind = config["layer"], base_of(cls)
        if (kind.__module__, kind.__name__) == (described["module"], described["class_name"]):
            layer = kind.from_config(described["config"])  # also of a class that nobody registered
        else:
            layer = keras.saving.deserialize_keras_object(described)
        name = described["config"].get("name", layer.name)
        if layer.name != name:  # some layers of keras-hub add to the name that they are given
            layer.name = name
        return penalized(layer, config["weights"], mended=config["mended"])


@contextmanager
def _as_before(layer: Any) -> Iterator[None]:
    """Lets a layer be of its own class: Keras makes a config for classes without `get_config`."""
    derived = type(layer)
    layer.__class__ = base_of(derived)
    try:
        yield
    finally:
        layer.__class__ = derived


def penalized(layer: Any, weights: Given, *, mended: bool = False) -> Any:
    """Gives weights inside of a layer penalties and constraints, which are saved with it.

    Args:
        layer: any layer; it is changed and returned.
        weights: `"regularizer"` and `"constraint"`, objects or configs, by the key of the weight:
            the attributes of the layers around it, and its name, as in `weights_by_key`.
        mended: whether its config is to be read from its attributes, as its `get_config` fails or
            gives what its constructor does not take.

    Example:

    >>> layer = keras.layers.TimeDistributed(keras.layers.Dense(2))
    >>> layer = penalized(layer, {"layer/kernel": {"regularizer": keras.regularizers.L2(0.5)}})
    >>> _ = layer(keras.ops.ones((1, 3, 4)))
    >>> len(type(layer).from_config(layer.get_config()).penalties), len(layer.losses)
    (1, 1)
    """
    layer.__class__ = _derived(base_of(type(layer)))
    given = {key: {k: _made(k, v) for k, v in values.items()} for key, values in weights.items()}
    # Not through Keras, which would track a dictionary as a part of the layer's state.
    vars(layer).update(_given=given, _mended=mended)
    layer.put_penalties()
    return layer


def base_of(kind: type) -> type:
    """The class of a layer before `penalized`."""
    derived = issubclass(kind, Penalized) and kind is not Penalized
    return kind.__mro__[2] if derived else kind


@functools.cache
def _derived(kind: type) -> Any:
    body = {
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
    }
    derived = type(kind.__name__, (Penalized, kind), body)
    # Any of the derived classes can stand for the registered name: `from_config` is the same.
    return keras.saving.register_keras_serializable("occam", "Penalized")(derived)


def _made(kind: str, value: Any) -> Any:
    """An object of its own for each weight."""
    if not isinstance(value, dict):
        value = keras.saving.serialize_keras_object(value)
    return keras.saving.deserialize_keras_object(value)


def _put(owner: Any, weight: Any, kind: str, value: Any) -> None:
    if getattr(weight, kind) is value:
        return
    setattr(weight, kind, value)
    name = f"{weight.name.removesuffix('_kernel')}_{kind}"
    if name in vars(owner):
        setattr(owner, name, value)


def weights_by_key(layer: Any) -> dict[str, tuple[Any, Any]]:
    """The weights in a layer and the layers that own them, by attributes and names.

    >>> layer = keras.layers.TimeDistributed(keras.layers.Dense(2))
    >>> layer.build((None, 3, 4))
    >>> list(weights_by_key(layer))
    ['layer/kernel', 'layer/bias']
    """
    return dict(_weights(layer, "", set()))


def _weights(layer: Any, path: str, seen: set[int]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    seen.add(id(layer))
    own = [*layer._trainable_variables, *layer._non_trainable_variables]
    names = [variable.name for variable in own]
    for index, variable in enumerate(own):
        # Keras numbers the variables without a name over all of a process.
        named = names.count(variable.name) == 1 and not variable.name.startswith("variable")
        yield f"{path}{variable.name if named else index}", (layer, variable)
    for index, inner in enumerate(layer._flatten_layers(include_self=False, recursive=False)):
        if id(inner) not in seen:
            yield from _weights(inner, f"{path}{_attribute(layer, inner) or index}/", seen)


def _attribute(layer: Any, inner: Any) -> str:
    """Where a layer holds another: `dense`, `blocks/1`; names of layers may carry a counter."""
    attributes = vars(layer)
    for name, value in attributes.items():
        if value is inner:
            return name
    for name, value in attributes.items():
        if name == "_layers" or name.startswith("_self_unconditional"):
            continue  # in which Keras and TensorFlow track what is held
        several: Any = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list | tuple):
            several = enumerate(value)
        for key, one in several:
            if one is inner:
                return f"{name}/{key}"
    return ""


def arguments_of(layer: Any) -> dict[str, Any]:
    """A config from the attributes that are called like the arguments of a layer's constructor.

    Raises:
        ValueError: an argument that is needed is no attribute.
    """
    config = keras.layers.Layer.get_config(layer)
    for name, parameter in inspect.signature(base_of(type(layer)).__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(layer, name, parameter.default)
        if value is parameter.empty or isinstance(value, keras.layers.Layer):
            raise ValueError(f"its argument {name} is no attribute")
        config.setdefault(name, keras.saving.serialize_keras_object(value))
    return config
