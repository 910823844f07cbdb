"""`copy_layer`: make a layer anew from its config."""

import inspect
from typing import Any

import keras

from ...core.layer_kinds import in_keras_or_occam
from ..layers.penalized import Penalized, arguments_of, base_of


def copy_layer(operation: Any, path: str, config: dict[str, Any] | None = None) -> Any:
    """Return a new layer or operation from a config, without weights, or raise a `ValueError`."""
    config = layer_config(operation, path) if config is None else config
    kind = type(operation)
    if in_keras_or_occam(kind.__module__) or kind.build is not keras.layers.Layer.build:
        _remove_build_configs(config)
    try:
        if kind is keras.layers.Lambda:
            return _copy_lambda(operation, config)
        made = base_of(kind).from_config(dict(config))  # a from_config may empty its argument
    except Exception as error:  # user-defined layers may raise anything
        raise _cannot_be_copied(operation, path, error) from error
    name = config.get("name", operation.name)
    if made.name != name:  # some layers of keras-hub add a suffix to the name
        made.name = name
    if isinstance(operation, keras.layers.Layer):  # a user-defined get_config may lack these
        if "trainable" not in config:
            made.trainable = operation.trainable
        if "dtype" not in config:
            made.dtype_policy = operation.dtype_policy
    return made


def layer_config(operation: Any, path: str) -> dict[str, Any]:
    """Return the config of a layer or operation, or raise a `ValueError` that names it."""
    try:
        if isinstance(operation, keras.layers.Layer) and needs_attributes(operation):
            return arguments_of(operation)
        return _own_config(operation)
    except Exception as error:  # user-defined layers may raise anything
        raise _cannot_be_copied(operation, path, error) from error


def _own_config(operation: Any) -> dict[str, Any]:
    return operation.layer_config() if isinstance(operation, Penalized) else operation.get_config()


def needs_attributes(layer: Any) -> bool:
    """Return whether the config of a layer is wrong and must be read from its attributes.

    In some layers of keras-hub 0.32, such as ViTPatchingAndEmbedding and LlamaTransformerDecoder,
    `get_config` fails or returns arguments that the constructor does not take. Users can fix other
    classes themselves.
    """
    kind = base_of(type(layer))
    if kind.__module__.split(".")[0] != "keras_hub" or isinstance(layer, keras.Model):
        return False
    try:
        config = _own_config(layer)
    except AttributeError:
        return True
    taken = inspect.signature(kind.__init__).parameters
    return not {*config} <= {*taken, "name", "trainable", "dtype", "activity_regularizer"}


def _remove_build_configs(config: dict[str, Any]) -> None:
    """Leave the building of inner layers to the outer layer, not to deserialization.

    Otherwise the weights of an LSTM in a Bidirectional are named as if it stood alone, and a
    user-defined layer builds its inner layers twice.
    """
    for value in config.values():
        for described in value if isinstance(value, list | tuple) else [value]:
            if isinstance(described, dict) and isinstance(described.get("config"), dict):
                described.pop("build_config", None)
                if in_keras_or_occam(str(described.get("module"))):
                    _remove_build_configs(described["config"])


def _cannot_be_copied(operation: Any, path: str, error: Exception) -> ValueError:
    return ValueError(
        f"Layer {path!r} ({type(operation).__name__}) cannot be copied from its config. Give its "
        "class a get_config with all arguments, a constructor that passes **kwargs to its base "
        f"class, and a from_config if an argument is an object. Keras says: {error}"
    )


def _copy_lambda(layer: Any, config: dict[str, Any]) -> keras.layers.Lambda:
    """Return a layer with the same Python function, which a config would change."""
    kept = ("name", "trainable", "dtype", "activity_regularizer")
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        mask=layer.mask,
        arguments=layer.arguments,
        **{name: config[name] for name in kept if name in config},
    )
