"""`compare_attributes`: what a layer computes with beside its weights, in it and in its copy."""

import functools
import reprlib
from types import FunctionType
from typing import Any

import keras
import numpy as np

from .parts import is_drop_rate

__all__ = ["compare_attributes"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_MANY = (list, tuple, set, frozenset)
# What `fit`, `evaluate` and `predict` leave in a model, and TensorFlow in all that it tracks.
_OF_USE = ("history", "stop_evaluating", "stop_predicting", "stop_training")
_OF_TRACKING = "_self_"


def compare_attributes(original: Any, copy: Any, path: str, rate: float | None = None) -> None:
    """Compares numbers, words, arrays, functions, and lists and dictionaries of them.

    The weights of the copy are the same, but what its get_config forgets has its default value in
    it, so that it would compute something else. Layers of Keras and ours forget nothing. `rate` is
    the new one of the dropout inside of the copy, if it has got one.

    Raises:
        ValueError: a layer of someone's own has another such attribute than its copy.
    """
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=True):
        if _base(old) is type(old):
            continue
        private = _OF_TRACKING if _base(old) is keras.layers.Layer else "_"
        for name, value in vars(old).items():
            own = name not in _of_all() and not name.startswith(private)
            other = vars(new).get(name)
            if rate is not None and is_drop_rate(name, other) and other == rate:
                continue
            if own and _is_known(value) and _is_known(other) and not _alike(value, other):
                raise ValueError(
                    f"Layer {path!r} ({type(old).__name__}) cannot be copied from its config: "
                    f"{name} is {reprlib.repr(value)}, and in the copy {reprlib.repr(other)}. Let "
                    f"its get_config have {name}, or what it follows from."
                )


def _base(layer: Any) -> type:
    """The first class of Keras or ours that a layer is of: what it keeps privately is its own."""
    known = (c for c in type(layer).__mro__ if c.__module__.split(".")[0] in ("keras", "occam"))
    return next(known)


@functools.cache
def _of_all() -> set[str]:
    """The attributes of every layer and model: its name, whether it is built, ..."""
    x = keras.Input((1,), name="x")  # names, so that those of other models are not counted on
    functional, sequential = keras.Model(x, x, name="x"), keras.Sequential([x], name="x")
    models = (keras.Model(name="x"), functional, sequential)
    return {*_OF_USE, *(name for model in models for name in vars(model))}


def _is_known(value: Any) -> bool:
    """Whether a value can be compared with another."""
    if isinstance(value, dict):
        return all(map(_is_known, value.values()))
    if isinstance(value, _MANY):
        return all(map(_is_known, value))
    return isinstance(value, (*_PLAIN, FunctionType)) or _is_array(value)


def _is_array(value: Any) -> bool:
    on_a_graph = hasattr(value, "graph")  # a tensor of TensorFlow without a value
    is_tensor = keras.ops.is_tensor(value) and not isinstance(value, keras.KerasTensor)
    return isinstance(value, np.ndarray | np.generic) or (is_tensor and not on_a_graph)


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        same = one.keys() == other.keys()
        return same and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        return one is other or _of_keras(one, other) or _made_of(one) == _made_of(other)
    if _is_array(one) or _is_array(other):
        return _same_array(one, other)
    return one == other or (one != one and other != other)  # NaN


def _of_keras(one: FunctionType, other: FunctionType) -> bool:
    """Whether both are one function of Keras, as `ops.silu` and `activations.silu` are."""
    both = (one, other)
    return one.__name__ == other.__name__ and all(f.__module__.startswith("keras.") for f in both)


def _made_of(function: FunctionType) -> tuple[Any, ...]:
    """The code of a function and what it refers to: a lambda that was loaded is another object."""
    return function.__code__, [repr(c.cell_contents) for c in function.__closure__ or ()]


def _same_array(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    a, b = map(_as_array, (one, other))
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))  # NaN


def _as_array(value: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(value) if _is_array(value) else value)
