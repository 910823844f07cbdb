"""`Transfer`: copy the weights and other state of a layer, and compare its attributes."""

import functools
import reprlib
import tempfile
from types import FunctionType
from typing import Any

import keras
import numpy as np

from ...core.layer_kinds import in_keras_or_occam
from .parts import is_drop_rate


class Transfer:
    """Gives copies of layers the state of their originals; see `Copier` for `keep`."""

    def __init__(self, *, keep: bool):
        self.keep = keep
        self.originals: dict[int, Any] = {}  # weights, by the identity of their copies
        self._copies: dict[int, Any] = {}

    def __call__(self, original: Any, copy: Any, path: str, rate: float | None = None) -> None:
        """Copy all weights and assets; `rate` is the new drop rate inside, if any."""
        originals, copies = original.weights, _ordered(copy.weights, original.weights)
        tied = [weight.path for weight in originals if id(weight) in self._copies]
        if [_form(w) for w in originals] != [_form(w) for w in copies]:
            if tied:
                raise ValueError(_shared_weight(path, tied[0]))
            raise ValueError(
                f"Layer {path!r} ({type(original).__name__}) cannot be copied from its config: it "
                f"has the weights {_listed(originals)}, and the copy {_listed(copies)}. Complete "
                "its get_config; if a layer inside is quantized or has LoRA, regularize before."
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
            raise ValueError(_shared_weight(path, old.path))
        for what in ("regularizer", "constraint") if self.keep else ():
            if getattr(old, what) is not None and getattr(new, what) is None:
                raise ValueError(
                    f"Layer {path!r}: its weight {old.path!r} has a {what} that its config does "
                    "not have, so the copy would lose it: use `rules` instead."
                )


def _shared_weight(path: str, weight: str) -> str:
    return (
        f"Layer {path!r} shares its weight {weight!r} with another layer, which their configs do "
        "not show. Call one layer twice instead."
    )


def _ordered(weights: list[Any], like: list[Any]) -> list[Any]:
    """Return weights in the order of `like` if both have the same names."""
    names = [weight.name for weight in like]
    by_name = {weight.name: weight for weight in weights}
    return [by_name[n] for n in names] if sorted(by_name) == sorted(names) else weights


def _form(weight: Any) -> tuple[str, tuple[int, ...], str]:
    name = "" if weight.name.startswith("variable") else weight.name  # Keras numbers these
    return name, tuple(weight.shape), str(weight.dtype)


def _listed(weights: Any) -> str:
    return ", ".join(f"{w.name} {tuple(w.shape)} {w.dtype}" for w in weights) or "none"


def _finish(original: Any, copy: Any) -> None:
    """Copy other state than weights, such as vocabularies."""
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=True):
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
        if getattr(old, "stateful", False):  # the states of a recurrent layer are no weights
            for state, like in zip(*map(keras.tree.flatten, (new.states, old.states)), strict=True):
                state.assign(like)
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as directory:
                old.save_assets(directory)
                new.load_assets(directory)


# Attributes

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# Attributes that `fit`, `evaluate` and `predict` set in a model.
_SET_BY_FIT = ("history", "stop_evaluating", "stop_predicting", "stop_training")


def _compare_attributes(original: Any, copy: Any, path: str, rate: float | None) -> None:
    """Raise if a number, text, array, function, or list or dictionary of them differs.

    An argument that a user-defined `get_config` omits has its default value in the copy, which then
    computes something else with the same weights.
    """
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=True):
        # The private attributes of the first class of Keras or Occam are not compared.
        base = next(c for c in type(old).__mro__ if in_keras_or_occam(c.__module__))
        if base is type(old):
            continue
        # TensorFlow sets attributes `_self_...` in tracked objects.
        private = "_self_" if base is keras.layers.Layer else "_"
        for name, value in vars(old).items():
            own = name not in _common_attributes() and not name.startswith(private)
            other = vars(new).get(name)
            if rate is not None and is_drop_rate(name, other) and other == rate:
                continue
            if own and _is_comparable(value) and _is_comparable(other) and not _equal(value, other):
                raise ValueError(
                    f"Layer {path!r} ({type(old).__name__}) cannot be copied from its config: "
                    f"{name} is {reprlib.repr(value)}, and in the copy {reprlib.repr(other)}. Add "
                    f"{name} to its get_config."
                )


@functools.cache
def _common_attributes() -> set[str]:
    """Return the attributes of every layer and model, such as `name` and `built`."""
    x = keras.Input((1,), name="x")  # a given name does not advance Keras' counters
    functional, sequential = keras.Model(x, x, name="x"), keras.Sequential([x], name="x")
    models = (keras.Model(name="x"), functional, sequential)
    return {*_SET_BY_FIT, *(name for model in models for name in vars(model))}


def _is_comparable(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_comparable, value.values()))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_comparable, value))
    return isinstance(value, (*_PLAIN, FunctionType)) or _is_array(value)


def _is_array(value: Any) -> bool:
    # Symbolic tensors of Keras and TensorFlow (these have a graph) have no values.
    symbolic = isinstance(value, keras.KerasTensor) or hasattr(value, "graph")
    is_tensor = keras.ops.is_tensor(value) and not symbolic
    return isinstance(value, np.ndarray | np.generic) or is_tensor


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        same = one.keys() == other.keys()
        return same and all(_equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, FunctionType) and isinstance(other, FunctionType):
        # `ops.silu` and `activations.silu` are one function; a loaded lambda is another object.
        both = (one, other)
        of_keras = all(f.__module__.startswith("keras.") for f in both)
        same = of_keras and one.__name__ == other.__name__
        return same or _code_and_closure(one) == _code_and_closure(other)
    if _is_array(one) or _is_array(other):
        return _same_array(one, other)
    return one == other or (one != one and other != other)  # NaN


def _code_and_closure(function: FunctionType) -> tuple[Any, ...]:
    return function.__code__, [repr(c.cell_contents) for c in function.__closure__ or ()]


def _same_array(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return False
    a, b = (np.asarray(keras.ops.convert_to_numpy(x) if _is_array(x) else x) for x in (one, other))
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))  # NaN
