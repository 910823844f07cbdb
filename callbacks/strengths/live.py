"""`Live`: a number that a traced step reads anew each time, found behind an attribute."""

import functools
import types
from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import keras

from .live_weight_decay import LiveWeightDecay

__all__ = ["Live", "Target", "find_live", "is_function"]

Target = Any  # a str, a function of the model, an object with live attributes, or a list of them


class Live:
    """A scalar variable behind a float attribute of an object, or a scalar variable by itself.

    A Python float is baked into a graph when it is traced, so that a later change does nothing:
    what is no variable is refused. The attribute `a` of an object is live if it is a scalar
    `keras.Variable`, or a property that keeps its value in the scalar variable `_a` of the object;
    and so is the `weight_decay` of a Keras optimizer, which `LiveWeightDecay` makes a variable.

    Args:
        owner: a layer, a regularizer, an optimizer or any object; or a variable.
        attribute: its name, or a path to it as `kernel_regularizer.l2`. It may be left out if the
            object has one live attribute only, and is of no use for a variable.

    Raises:
        ValueError: the attribute is not there, or not live.

    Attributes:
        variable: what the step reads.
        name: the attribute's, or the variable's.
        tracked: whether JAX's compiled steps carry the variable; known after `prepare`.
    """

    def __init__(self, owner: Any, attribute: str | None = None):
        if _is_scalar_variable(owner):
            self.owner, self.name, self.variable = None, owner.name, owner
        else:
            self.owner, self.name = _follow(owner, attribute)
            self.variable = _variable(self.owner, self.name)
        self.tracked = False

    @property
    def value(self) -> float:
        """The value, as the object gives it."""
        value = self.variable if self.owner is None else getattr(self.owner, self.name)
        return float(keras.ops.convert_to_numpy(value) if _is_scalar_variable(value) else value)

    def prepare(self, model: keras.Model) -> None:
        """Sees to it, before the first step of a `fit` of `model`, that it reads the variable."""
        owners = [self.owner] if isinstance(self.owner, keras.Layer) else []
        tracking = [model, model.optimizer, *owners]
        self.tracked = any(v is self.variable for owner in tracking for v in owner.variables)
        if isinstance(self.owner, LiveWeightDecay):
            self.owner.prepare(model)

    def assign(self, value: float) -> None:
        """Assigns a value, which the next step reads.

        A variable that nothing tracks is a constant in JAX's compiled steps; so these are dropped,
        and the next one is compiled anew.

        Raises:
            ValueError: by the object, if it does not accept the value; or it ignored it.
        """
        changed = value != self.value
        if self.owner is None or _is_scalar_variable(getattr(self.owner, self.name)):
            self.variable.assign(value)
        else:
            setattr(self.owner, self.name, value)
        now = float(keras.ops.convert_to_numpy(self.variable))
        if abs(now - value) > 1e-6 * abs(value):
            raise ValueError(
                f"Assigning to `{self.name}` of {self.owner!r} does not reach its variable. "
                f"Received: {self.name}={value!r}, and the variable is {now!r}"
            )
        if changed and not self.tracked and keras.backend.backend() == "jax":
            import jax  # an optional extra, and needed on its own backend only

            jax.clear_caches()


def find_live(target: Target, attribute: str | None, model: keras.Model) -> list[Live]:
    """What `target` means for `model`, each variable once.

    Args:
        target: a pattern as in `fnmatch` of the paths of the model's layers, nested ones included;
            a function of the model, which returns a target; an owner as in `Live`; or a list.
        attribute: as in `Live`.
        model: compiled.

    Raises:
        ValueError: by `Live`; or a pattern matches no layer.
    """
    found = {id(live.variable): live for live in _find(target, attribute, model)}
    for live in found.values():
        live.prepare(model)
    return list(found.values())


def _find(target: Target, attribute: str | None, model: keras.Model) -> Iterator[Live]:
    if isinstance(target, str):
        target = _matching(target, model)
    if isinstance(target, list | tuple):
        for each in target:
            yield from _find(each, attribute, model)
    elif is_function(target):
        yield from _find(target(model), attribute, model)
    else:
        yield Live(target, attribute)


def _matching(pattern: str, model: keras.Model) -> list[keras.Layer]:
    layers = {id(layer): layer for layer in model._flatten_layers(include_self=False)}
    found = [layer for layer in layers.values() if fnmatch(layer.path or layer.name, pattern)]
    if not found:
        paths = ", ".join(layer.path or layer.name for layer in layers.values())
        raise ValueError(f"No layer's path matches {pattern!r}. The paths: {paths}")
    return found


def is_function(target: Target) -> bool:
    """Whether `target` is a function of the model; layers and regularizers are callable, too."""
    return isinstance(target, types.FunctionType | types.MethodType | functools.partial)


def _follow(owner: Any, attribute: str | None) -> tuple[Any, str]:
    """The object that has the attribute at the end of the path, and the attribute's name."""
    if attribute is None:
        names = _live_names(owner)
        if len(names) != 1:
            raise ValueError(
                f"`attribute` may only be left out where one is live. Of {_named(owner)} live are: "
                f"{', '.join(names) or 'none'}. Received: attribute=None"
            )
        return owner, names[0]
    *path, name = attribute.split(".")
    for part in [*path, name]:
        if not hasattr(owner, part):
            raise ValueError(f"{_named(owner)} has no `{part}`. Received: attribute={attribute!r}")
        owner = owner if part is name else getattr(owner, part)
    if isinstance(owner, keras.optimizers.LossScaleOptimizer):
        owner = owner.inner_optimizer
    if isinstance(owner, keras.optimizers.Optimizer) and name == "weight_decay":
        owner = LiveWeightDecay.of(owner) or owner
    return owner, name


def _variable(owner: Any, name: str) -> keras.Variable:
    """The variable behind an attribute."""
    value = getattr(owner, name)
    if _is_scalar_variable(value):
        return value
    if name in _live_names(owner):
        return getattr(owner, f"_{name}")
    raise ValueError(
        f"`{name}` of {_named(owner)} is no live variable: its value is baked into the graph when "
        "the step is traced, and a later change would do nothing. Use an object that keeps it in "
        f"a keras.Variable. Live are: {', '.join(_live_names(owner)) or 'none'}. "
        f"Received: {name}={value!r}"
    )


def _live_names(owner: Any) -> list[str]:
    """The attributes of an object that are, or stand for, scalar variables."""
    behind = [n[1:] for n, v in vars(owner).items() if n[0] == "_" and _is_scalar_variable(v)]
    properties = [n for n in behind if hasattr(getattr(type(owner), n, None), "__set__")]
    return sorted([*properties, *(n for n, v in vars(owner).items() if _public(n, v))])


def _public(name: str, value: Any) -> bool:
    return name[0] != "_" and _is_scalar_variable(value)


def _is_scalar_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable) and tuple(value.shape) == ()


def _named(owner: Any) -> str:
    name = getattr(owner, "path", None) or getattr(owner, "name", None)
    return f"{type(owner).__name__} {name!r}" if isinstance(name, str) else f"{owner!r}"
