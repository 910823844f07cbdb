"""`Transfer`: copy the state of a layer bit by bit, and compare its attributes."""

import functools
import reprlib
import tempfile
from types import FunctionType
from typing import Any

import keras
import numpy as np

from .parts import is_drop_rate


class Transfer:
    """Gives copies of layers the state of their originals.

    Args:
        keep: Whether penalties and constraints of variables must be on their copies.

    Attributes:
        originals: The weights of the originals, by the identity of their copies.
    """

    def __init__(self, *, keep: bool):
        self.keep = keep
        self.originals: dict[int, Any] = {}
        self._copies: dict[int, Any] = {}

    def __call__(self, original: Any, copy: Any, path: str, rate: float | None = None) -> None:
        """Copy all weights and assets; `rate` is the new drop rate inside, if any.

        Raises:
            ValueError: If the copy has other or differently shared weights, lacks a penalty, or
                has another attribute.
        """
        originals, copies = original.weights, _ordered(copy.weights, original.weights)
        tied = [weight.path for weight in originals if id(weight) in self._copies]
        if [_form(w) for w in originals] != [_form(w) for w in copies]:
            if tied:
                raise ValueError(_of_another(path, tied[0]))
            raise ValueError(
                f"Layer {path!r} ({type(original).__name__}) cannot be copied: made from its "
                f"config it has the weights {_listed(copies)}. Received: {_listed(originals)}. "
                "Complete its get_config; if a layer inside was quantized or given LoRA, "
                "regularize before that."
            )
        for old, new in zip(originals, copies, strict=True):
            self._check(old, new, path)
            self.originals[id(new)] = old
            new.assign(np.array(keras.ops.convert_to_numpy(old)))
            if new.trainable != old.trainable:
                new.trainable = old.trainable
        _finish(original, copy)
        _compare_attributes(original, copy, path, rate)

    def _check(self, old: Any, new: Any, path: str) -> None:
        if self._copies.setdefault(id(old), new) is not new:
            raise ValueError(_of_another(path, old.path))
        for what in ("regularizer", "constraint") if self.keep else ():
            if getattr(old, what) is not None and getattr(new, what) is None:
                raise ValueError(
                    f"Layer {path!r}: its weight {old.path!r} has a {what} that its config does "
                    "not have and that would be lost: use `rules` instead."
                )


def _of_another(path: str, weight: str) -> str:
    return (
        f"Layer {path!r}: its weight {weight!r} is another layer's as well, which their configs do "
        "not show. Call one layer twice instead."
    )


def _ordered(weights: list[Any], like: list[Any]) -> list[Any]:
    """Return the weights in the order of `like`, if their names are the same."""
    names = [weight.name for weight in like]
    by_name = {weight.name: weight for weight in weights}
    return [by_name[n] for n in names] if sorted(by_name) == sorted(names) else weights


def _form(weight: Any) -> tuple[str, tuple[int, ...], str]:
    name = "" if weight.name.startswith("variable") else weight.name  # Keras numbers these
    return name, tuple(weight.shape), str(weight.dtype)


def _listed(weights: Any) -> str:
    return ", ".join(f"{w.name} {tuple(w.shape)} {w.dtype}" for w in weights) or "none"


def _finish(original: Any, copy: Any) -> None:
    """Copy the state beside the weights, such as vocabularies."""
    pairs = zip(original._flatten_layers(), copy._flatten_layers(), strict=True)
    for old, new in pairs:
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
        if getattr(old, "stateful", False):  # a recurrent layer, whose states are no weights
            for state, like in zip(*map(keras.tree.flatten, (new.states, old.states)), strict=True):
                state.assign(like)
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as directory:
                old.save_assets(directory)
                new.load_assets(directory)


# Attributes

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# Attributes that `fit`, `evaluate` and `predict` set in a model, and TensorFlow in tracked objects.
_OF_USE = ("history", "stop_evaluating", "stop_predicting", "stop_training")
_OF_TRACKING = "_self_"


def _compare_attributes(original: Any, copy: Any, path: str, rate: float | None) -> None:
    """Raise if a number, text, array, function, or list or dictionary of them differs.

    An argument that a user-defined `get_config` forgets has its default value in the copy, which
    would compute something else with the same weights.
    """
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=True):
        # The private attributes of the first class of Keras or Occam are not compared.
        base = next(c for c in type(old).__mro__ if c.__module__.split(".")[0] in _KNOWN)
        if base is type(old):
            continue
        private = _OF_TRACKING if base is keras.layers.Layer else "_"
        for name, value in vars(old).items():
            own = name not in _of_all() and not name.startswith(private)
            other = vars(new).get(name)
            if rate is not None and is_drop_rate(name, other) and other == rate:
                continue
            if own and _is_comparable(value) and _is_comparable(other) and not _equal(value, other):
                raise ValueError(
                    f"Layer {path!r} ({type(old).__name__}) cannot be copied from its config: "
                    f"{name} is {reprlib.repr(value)}, and in the copy {reprlib.repr(other)}. Add "
                    f"{name} to its get_config."
                )


_KNOWN = ("keras", "occam")


@functools.cache
def _of_all() -> set[str]:
    """Return the attributes of every layer and model: `name`, `built`, ..."""
    x = keras.Input((1,), name="x")  # named, to leave Keras' counters of names alone
    functional, sequential = keras.Model(x, x, name="x"), keras.Sequential([x], name="x")
    models = (keras.Model(name="x"), functional, sequential)
    return {*_OF_USE, *(name for model in models for name in vars(model))}


def _is_comparable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_comparable, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_comparable, value))
    return isinstance(value, (*_PLAIN, FunctionType)) or _is_array(value)


def _is_array(value: Any) -> bool:
    on_a_graph = hasattr(value, "graph")  # a symbolic tensor of TensorFlow
    is_tensor = keras.ops.is_tensor(value) and not isinstance(value, keras.KerasTensor)
    return isinstance(value, np.ndarray | np.generic) or (is_tensor and not on_a_graph)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        same = one.keys() == other.keys()
        return same and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        return one is other or _same_of_keras(one, other) or _made_of(one) == _made_of(other)
    if _is_array(one) or _is_array(other):
        return _same_array(one, other)
    return one == other or (one != one and other != other)  # NaN


def _same_of_keras(one: FunctionType, other: FunctionType) -> bool:
    """Return whether both are one function of Keras, as `ops.silu` and `activations.silu` are."""
    both = (one, other)
    return one.__name__ == other.__name__ and all(f.__module__.startswith("keras.") for f in both)


def _made_of(function: FunctionType) -> tuple[Any, ...]:
    """Return the code and the closure of a function; a loaded lambda is another object."""
    return function.__code__, [repr(c.cell_contents) for c in function.__closure__ or ()]


def _same_array(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    a, b = (np.asarray(keras.ops.convert_to_numpy(x) if _is_array(x) else x) for x in (one, other))
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))  # NaN
