"""`Live`: a number that a traced step reads anew; `LiveCallback`: the base of its callbacks."""

import functools
import types
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from fnmatch import fnmatch
from typing import Any
from weakref import WeakSet

import keras

from ...core.checks import check_number
from ...core.live_scalar import drop_compiled_steps
from ..training_hook import swapped

Target = Any  # a str, a function of the model, an object with live attributes, or a list of them

_PLACE = "_occam_weight_decay"


class Live:
    """A scalar variable behind a float attribute of an object, or a scalar variable by itself.

    The attribute `a` of an object is live if it is a scalar `keras.Variable`, or a descriptor such
    as `LiveScalar` that keeps its value in the scalar variable `_a` of the object. The
    `weight_decay` of a Keras optimizer is live, too, by `LiveWeightDecay`.

    Args:
        owner: A layer, a regularizer, an optimizer or any object; or a variable.
        attribute: The name of the attribute, or a path such as `kernel_regularizer.l2`. It may be
            omitted if the object has exactly one live attribute, and is not used for a variable.

    Raises:
        ValueError: If the attribute does not exist or is not live.

    Attributes:
        variable: The variable that the step reads.
        name: The name of the attribute or of the variable.
        tracked: Whether JAX's compiled steps carry the variable; known after `prepare`.
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
        """The value as the object returns it."""
        value = self.variable if self.owner is None else getattr(self.owner, self.name)
        return float(keras.ops.convert_to_numpy(value) if _is_scalar_variable(value) else value)

    def prepare(self, model: keras.Model) -> None:
        """Make the steps of `model` read the variable, before the first step of a `fit`."""
        owners = [self.owner] if isinstance(self.owner, keras.Layer) else []
        tracking = [model, model.optimizer, *owners]
        self.tracked = any(v is self.variable for owner in tracking for v in owner.variables)
        if isinstance(self.owner, LiveWeightDecay):
            self.owner.prepare(model)

    def assign(self, value: float) -> None:
        """Assign a value. Raise a `ValueError` if the object does not accept or ignores it."""
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
    """Return the live attributes that a target denotes in a model, each variable once.

    Args:
        target: A pattern as in `fnmatch` for the paths of the model's layers, nested layers
            included; a function of the model that returns a target; an owner as in `Live`; or a
            list of these.
        attribute: As in `Live`.
        model: A compiled model.

    Raises:
        ValueError: If an attribute is not live, or a pattern matches no layer.
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
    elif _is_function(target):
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


def _is_function(target: Target) -> bool:  # not a callable layer or regularizer
    return isinstance(target, types.FunctionType | types.MethodType | functools.partial)


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
        f"`{name}` of {_named(owner)} is not live: a traced step does not read its changes. Use an "
        "object that keeps it in a keras.Variable. "
        f"Live attributes: {', '.join(_live_names(owner)) or 'none'}. "
        f"Received: {name}={value!r}"
    )


def _live_names(owner: Any) -> list[str]:
    """Return the attributes of an object that are, or stand for, scalar variables."""
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
    """The base of callbacks that change live attributes and log them.

    Args:
        target: As in `find_live`.
        attribute: As in `Live`.
        name: The name of the logged value, by default the attribute's.

    Raises:
        ValueError: If an object in `target` is not live.
    """

    def __init__(self, target: Target, attribute: str | None, name: str | None):
        super().__init__()
        self.target = target
        self.attribute = attribute
        self.name = name
        self._live: list[Live] = []
        _check_owners(target, attribute)

    def on_train_begin(self, logs=None):
        self._live = find_live(self.target, self.attribute, self.model)

    def _log_rates(self, logs: Any, values: Sequence[float]) -> None:
        """Add `rates/<name>` to `logs`, or `rates/<name>/<number>` for several values."""
        name = self.name or self._live[0].name
        for number, value in enumerate(values):
            key = f"rates/{name}" if len(values) == 1 else f"rates/{name}/{number}"
            if key in logs:
                raise ValueError(
                    f"{key} is logged already: give each callback another `name`. "
                    f"Received: name={name!r}"
                )
            logs[key] = float(value)

    def __deepcopy__(self, memo):
        copy = type(self).__new__(type(self))  # has the same targets, and no model yet
        vars(copy).update(vars(self), _model=None, _live=[])
        return copy


def _check_owners(target: Target, attribute: str | None) -> None:
    if isinstance(target, list | tuple):
        for each in target:
            _check_owners(each, attribute)
    elif not isinstance(target, str) and not _is_function(target):
        Live(target, attribute)


class LiveWeightDecay:
    """Let an optimizer's traced update read its weight decay from a variable.

    `optimizer.weight_decay` stays a float, so that saving and the optimizer's variables do not
    change. A variable with the same value replaces it only while the update is traced.

    Args:
        optimizer: A Keras optimizer with a weight decay.
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
        """Return the one of `optimizer`, created if need be, or `None` without a weight decay."""
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
        """Replace `optimizer._apply_weight_decay`, with the variable in place of the float."""
        if self.optimizer.weight_decay == self._value:
            decay = swapped(self.optimizer, weight_decay=self._weight_decay)
        else:  # assigned by hand: bake it in, as Keras does
            self._traced_live.clear()
            decay = nullcontext()
        with decay:
            self._apply(variables)

    def prepare(self, model: keras.Model) -> None:
        """Make a new training step for `model` if the old one was traced without this object."""
        self.weight_decay = self.optimizer.weight_decay
        if model.train_function not in self._traced_live:
            model.make_train_function(force=True)
            self._traced_live.add(model.train_function)
