"""`Penalized`: a layer with penalties on weights inside it, which are saved with it."""

import functools
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras

Penalties = Mapping[str, Mapping[str, Any]]  # "regularizer" and "constraint" by `weights_by_key`


@keras.saving.register_keras_serializable(package="occam")
class Penalized(keras.layers.Layer):
    """The base class that `penalized` adds to a layer, to save penalties on weights inside it.

    Most layers that contain other layers take no regularizer for the kernels inside, and Keras does
    not save a regularizer that is set on such a variable later. This class stores it in the config
    of the layer, so it survives `load_model` and `clone_model`:

        {"layer": <the layer, serialized>,
         "weights": {"_self_attention_layer/_query_dense/kernel": {"regularizer": ...}, ...}}

    The layer keeps its name, arguments and attributes. A penalty is set on the variable and in the
    attribute `<name>_regularizer` of its layer, if there is one. Its strength can be changed at any
    time: `variable.regularizer.l2 = 1e-4`.
    """

    penalties: Penalties
    _config_from_attributes: bool
    _complete: bool = False  # whether each penalty has found its weight

    def __call__(self, *args, **kwargs):
        outputs = super().__call__(*args, **kwargs)
        self._complete_penalties()  # some layers create their weights in the first call
        return outputs

    def build_from_config(self, config):
        super().build_from_config(config)
        self._complete_penalties()

    def _complete_penalties(self):
        if self._complete:
            return
        if not self.trainable:
            # Keras 3.15 does not pass `trainable=False` of a constructor on to the layers inside.
            for layer in self._flatten_layers(include_self=False):
                layer.trainable = False
        self.apply_penalties()

    def apply_penalties(self) -> None:
        """Set the penalties on the existing weights."""
        weights = weights_by_key(self)
        for key, values in self.penalties.items():
            if key in weights:
                for kind, value in values.items():
                    _set(*weights[key], kind, value)
        complete = self.built and self.penalties.keys() <= weights.keys()
        object.__setattr__(self, "_complete", complete)

    def layer_config(self) -> dict[str, Any]:
        """Return the config of the original layer."""
        if self._config_from_attributes:
            return arguments_of(self)
        with _as_original(self):
            return self.get_config()

    def get_config(self):
        return {
            "layer": self._serialized(),
            "weights": {
                key: {kind: keras.saving.serialize_keras_object(v) for kind, v in values.items()}
                for key, values in self.penalties.items()
            },
            "config_from_attributes": self._config_from_attributes,
        }

    def _serialized(self) -> dict[str, Any]:
        if not self._config_from_attributes:
            with _as_original(self):
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
            layer = kind.from_config(described["config"])  # works for unregistered classes, too
        else:
            layer = keras.saving.deserialize_keras_object(described)
        name = described["config"].get("name", layer.name)
        if layer.name != name:  # some layers of keras-hub add a suffix to the name
            layer.name = name
        from_attributes = config["config_from_attributes"]
        return penalized(layer, config["weights"], config_from_attributes=from_attributes)


def penalized(layer: Any, weights: Penalties, *, config_from_attributes: bool = False) -> Any:
    """Give weights inside a layer penalties and constraints, which are saved with the layer.

    Args:
        layer: Any layer. It is changed in place and returned.
        weights: The `"regularizer"` and `"constraint"` of weights, objects or configs, by the keys
            of `weights_by_key`.
        config_from_attributes: Whether to read the config from the attributes of the layer, because
            its `get_config` fails or does not match the constructor.

    Example:

    >>> layer = keras.layers.TimeDistributed(keras.layers.Dense(2))
    >>> layer = penalized(layer, {"layer/kernel": {"regularizer": keras.regularizers.L2(0.5)}})
    >>> _ = layer(keras.ops.ones((1, 3, 4)))
    >>> len(type(layer).from_config(layer.get_config()).penalties), len(layer.losses)
    (1, 1)
    """
    layer.__class__ = _subclass(base_of(type(layer)))
    penalties = {key: {k: _copy(v) for k, v in values.items()} for key, values in weights.items()}
    # With setattr, Keras would track the dictionary as a part of the layer's state.
    vars(layer).update(penalties=penalties, _config_from_attributes=config_from_attributes)
    layer.apply_penalties()
    return layer


def base_of(kind: type) -> type:
    """Return the original class of a layer, before `penalized`."""
    return kind.__mro__[2] if issubclass(kind, Penalized) and kind is not Penalized else kind


@functools.cache
def _subclass(kind: type) -> Any:
    attributes = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
    derived = type(kind.__name__, (Penalized, kind), attributes)
    # Any of these subclasses can stand for the registered name: `from_config` is the same.
    return keras.saving.register_keras_serializable("occam", "Penalized")(derived)


@contextmanager
def _as_original(layer: Any) -> Iterator[None]:
    """Restore the original class: Keras derives a config for classes without `get_config`."""
    derived = type(layer)
    layer.__class__ = base_of(derived)
    try:
        yield
    finally:
        layer.__class__ = derived


def _copy(value: Any) -> Any:
    if not isinstance(value, dict):
        value = keras.saving.serialize_keras_object(value)
    return keras.saving.deserialize_keras_object(value)


def _set(owner: Any, weight: Any, kind: str, value: Any) -> None:
    if getattr(weight, kind) is value:
        return
    setattr(weight, kind, value)
    name = f"{weight.name.removesuffix('_kernel')}_{kind}"
    if name in vars(owner):
        setattr(owner, name, value)


def weights_by_key(layer: Any) -> dict[str, tuple[Any, Any]]:
    """Return the weights of a layer, each with the inner layer that owns it, by path.

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
        # Keras numbers variables without a name through the whole process.
        named = names.count(variable.name) == 1 and not variable.name.startswith("variable")
        yield f"{path}{variable.name if named else index}", (layer, variable)
    for index, inner in enumerate(layer._flatten_layers(include_self=False, recursive=False)):
        if id(inner) not in seen:
            yield from _weights(inner, f"{path}{_attribute(layer, inner) or index}/", seen)


def _attribute(layer: Any, inner: Any) -> str:
    """The attribute that holds a layer, as in `blocks/1`: layer names may contain a counter."""
    for name, value in vars(layer).items():
        if value is inner:
            return name
    for name, value in vars(layer).items():
        if name == "_layers" or name.startswith("_self_unconditional"):
            continue  # the trackers of Keras and TensorFlow
        several: Any = value.items() if isinstance(value, dict) else ()
        if isinstance(value, list | tuple):
            several = enumerate(value)
        for key, one in several:
            if one is inner:
                return f"{name}/{key}"
    return ""


def arguments_of(layer: Any) -> dict[str, Any]:
    """Return a config from the attributes named like the arguments of the constructor.

    Raises:
        ValueError: If a required argument is not an attribute, or is a layer.
    """
    config = keras.layers.Layer.get_config(layer)
    for name, parameter in inspect.signature(base_of(type(layer)).__init__).parameters.items():
        if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        value = getattr(layer, name, parameter.default)
        if value is parameter.empty:
            raise ValueError(f"its constructor does not keep the argument `{name}` as an attribute")
        if isinstance(value, keras.layers.Layer):
            raise ValueError(f"the argument `{name}` of its constructor is a layer")
        config.setdefault(name, keras.saving.serialize_keras_object(value))
    return config
