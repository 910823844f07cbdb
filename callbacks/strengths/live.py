"""Live attributes, whose changes take effect in a traced step, and the base of their callbacks."""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from fnmatch import fnmatch
from typing import Any
from weakref import WeakSet

import keras

from ...core.checks import check_number
from ...core.live_scalar import LiveScalar, drop_compiled_steps
from ..training_hook import swapped

Target = Any  # a str, a function of the model, an object with live attributes, or a list of them

_PLACE = "_occam_weight_decay"


class Live:
    """A live attribute of an object, or a scalar variable by itself.

    The attribute `a` of an object is live if it is a scalar `keras.Variable`, or a descriptor such
    as `LiveScalar` that keeps its value in the scalar variable `_a` of the object. The
    `weight_decay` of a Keras optimizer is live, too, by `LiveWeightDecay`.
    """

    def __init__(self, owner: Any, attribute: str | None = None):
        if _is_scalar_variable(owner):
            self.owner, self.name, self.variable = None, owner.name, owner
        else:
            self.owner, self.name = _follow(owner, attribute)
            self.variable = _variable(self.owner, self.name)
        self.tracked = False  # whether JAX's compiled steps carry the variable, after `prepare`

    @property
    def value(self) -> float:
        """The value as the object returns it."""
        value = self.variable if self.owner is None else getattr(self.owner, self.name)
        return float(keras.ops.convert_to_numpy(value) if _is_scalar_variable(value) else value)

    def prepare(self, model: keras.Model) -> None:
        """Make the steps of `model` read the variable; call it before the first step."""
        owners = [self.owner] if isinstance(self.owner, keras.Layer) else []
        tracking = [model, model.optimizer, *owners]
        descriptor = getattr(type(self.owner), self.name, None)
        by_owner = isinstance(descriptor, LiveScalar) and descriptor.on_change is not None
        self.tracked = by_owner or any(v is self.variable for o in tracking for v in o.variables)
        if isinstance(self.owner, LiveWeightDecay):
            self.owner.prepare(model)

    def assign(self, value: float) -> None:
        """Assign a value. Raise a `ValueError` if it does not reach the variable."""
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
        if changed and not self.tracked:
            drop_compiled_steps()


def find_live(target: Target, attribute: str | None, model: keras.Model) -> list[Live]:
    """Return the live attributes of the targets in a compiled model, each variable once."""
    found = {id(live.variable): live for live in _find(target, attribute, model)}
    for live in found.values():
        live.prepare(model)
    return list(found.values())


def _find(target: Target, attribute: str | None, model: keras.Model | None) -> Iterator[Live]:
    """Yield the live attributes of targets; without a model, skip patterns and functions."""
    if isinstance(target, list | tuple):
        for each in target:
            yield from _find(each, attribute, model)
    # Layers and regularizers may be callable, too.
    elif isinstance(target, str | types.FunctionType | types.MethodType | functools.partial):
        if model is not None:
            found = _matching(target, model) if isinstance(target, str) else target(model)
            yield from _find(found, attribute, model)
    else:
        yield Live(target, attribute)


def _matching(pattern: str, model: keras.Model) -> list[keras.Layer]:
    layers = {id(layer): layer for layer in model._flatten_layers(include_self=False)}
    found = [layer for layer in layers.values() if fnmatch(layer.path or layer.name, pattern)]
    if not found:
        paths = ", ".join(layer.path or layer.name for layer in layers.values())
        raise ValueError(f"No layer's path matches {pattern!r}. The paths: {paths}")
    return found


def _follow(owner: Any, attribute: str | None) -> tuple[Any, str]:
    """Return the object at the end of an attribute path, and the name of its attribute."""
    if attribute is None:
        names = _live_names(owner)
        if len(names) != 1:
            raise ValueError(
                f"`attribute` must be given unless {_named(owner)} has exactly one live attribute. "
                f"Its live attributes are: {', '.join(names) or 'none'}. Received: attribute=None"
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
    value = getattr(owner, name)
    if _is_scalar_variable(value):
        return value
    if name in _live_names(owner):
        return getattr(owner, f"_{name}")
    raise ValueError(
        f"`{name}` of {_named(owner)} is not live: a traced step ignores its changes. Use an "
        "object with a keras.Variable for it. "
        f"Live attributes: {', '.join(_live_names(owner)) or 'none'}. "
        f"Received: {name}={value!r}"
    )


def _live_names(owner: Any) -> list[str]:
    """Return the names of an object's live attributes."""
    behind = [n[1:] for n, v in vars(owner).items() if n[0] == "_" and _is_scalar_variable(v)]
    properties = [n for n in behind if hasattr(getattr(type(owner), n, None), "__set__")]
    public = [n for n, v in vars(owner).items() if n[0] != "_" and _is_scalar_variable(v)]
    return sorted([*properties, *public])


def _is_scalar_variable(value: Any) -> bool:
    return isinstance(value, keras.Variable) and tuple(value.shape) == ()


def _named(owner: Any) -> str:
    name = getattr(owner, "path", None) or getattr(owner, "name", None)
    return f"{type(owner).__name__} {name!r}" if isinstance(name, str) else f"{owner!r}"


class LiveCallback(keras.callbacks.Callback):
    """The base of callbacks that change live attributes and log them."""

    def __init__(self, target: Target, attribute: str | None, name: str | None):
        super().__init__()
        self.target = target
        self.attribute = attribute
        self.name = name
        self._live: list[Live] = []
        list(_find(target, attribute, None))  # raises if an attribute is not live

    def on_train_begin(self, logs=None):
        self._live = find_live(self.target, self.attribute, self.model)

    def _log_rates(self, logs: Any, values: Sequence[float]) -> None:
        """Add `rates/<name>` to `logs`, or `rates/<name>/<number>` for several values."""
        name = self.name or self._live[0].name
        for number, value in enumerate(values):
            key = f"rates/{name}" if len(values) == 1 else f"rates/{name}/{number}"
            if key in logs:
                raise ValueError(
                    f"`name` must differ between callbacks, as {key} is logged already. "
                    f"Received: name={name!r}"
                )
            logs[key] = float(value)

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # has the same targets, and no model yet
        vars(copy).update(vars(self), _model=None, _live=[])
        return copy


class LiveWeightDecay:
    """Let an optimizer's traced update read its weight decay from a variable.

    `optimizer.weight_decay` stays a float, so that saving and the optimizer's variables do not
    change. A variable with the same value replaces it only while the update is traced.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer):
        self.optimizer = optimizer
        self._value = float(optimizer.weight_decay)
        self._weight_decay = keras.Variable(
            self._value, name="weight_decay", dtype="float32", trainable=False
        )
        self._traced_live = WeakSet()
        self._apply = optimizer._apply_weight_decay
        optimizer.__dict__["_apply_weight_decay"] = self

    @classmethod
    def of(cls, optimizer: Any) -> "LiveWeightDecay | None":
        """Return the live weight decay of an optimizer, or `None` if it has no weight decay."""
        if optimizer.weight_decay is None:
            return None
        if _PLACE not in optimizer.__dict__:
            optimizer.__dict__[_PLACE] = cls(optimizer)  # past Keras' tracking of attributes
        return optimizer.__dict__[_PLACE]

    @property
    def weight_decay(self) -> float:
        return self.optimizer.weight_decay

    @weight_decay.setter
    def weight_decay(self, value: float):
        check_number("weight_decay", value, "[0, inf)")
        self._weight_decay.assign(value)
        self._value = self.optimizer.weight_decay = float(value)

    def __call__(self, variables):
        """Call the original `optimizer._apply_weight_decay` with the variable for the float."""
        if self.optimizer.weight_decay == self._value:
            decay = swapped(self.optimizer, weight_decay=self._weight_decay)
        else:  # assigned by hand: bake it in, as Keras does
            self._traced_live.clear()
            decay = nullcontext()
        with decay:
            self._apply(variables)

    def prepare(self, model: keras.Model) -> None:
        """Rebuild the training step of `model` if it was traced without this object."""
        self.weight_decay = self.optimizer.weight_decay
        if model.train_function not in self._traced_live:
            model.make_train_function(force=True)
            self._traced_live.add(model.train_function)
