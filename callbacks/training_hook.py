"""`TrainingHook`: what a callback does in the graph of the training step, after each update."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from .model_state import optimizers_of
from .one_replica import check_one_replica
from .running_fit import RunningFit
from .swapped import swapped

__all__ = [
    "TrainingHook",
    "install",
    "optimizer_of",
    "optimizers_in",
    "parts_of",
    "remove",
    "updater_of",
]

_MAKE = "make_train_function"


class TrainingHook:
    """Computations inside the training step, where a batch hook of a callback does not reach.

    With `steps_per_execution > 1` a callback sees one batch of many. What is defined here runs in
    the graph of each single step, on TensorFlow and JAX. To be subclassed.

    Attributes:
        order: hooks with lower numbers come first, whatever the order of the callbacks.
        watched: variables of the model that are handed to `after_update`.
        state: variables of the hook itself, which the graph reads and assigns; what is assigned to
            them between two steps takes effect without a retrace.
    """

    order = 0
    watched: list[Any]
    state: list[Any]

    def after_update(self, variable: Any, value: Any) -> Any:
        """The value that a watched variable gets, after the optimizer's update made it `value`.

        It is called where Keras applies a variable's constraint: the optimizer's variables still
        are those of the update, and with gradient accumulation most calls follow no update.
        """
        return value

    def after_step(self) -> None:
        """Reads any variable of the model or the optimizer, and assigns those of `state`."""


def install(model: keras.Model, hook: TrainingHook) -> None:
    """Makes `model.train_function` anew, with `hook` in it, until `remove` or the next `fit`.

    Nothing of it can be seen outside of a training step: the constraints of the variables and the
    variables of the optimizer, which a checkpoint saves, are what they were. An exception that ends
    `fit` before `on_train_end` leaves nothing behind either: the training function is Keras' own
    again when the frame of `fit` is gone, or else in the next `fit` or `train_on_batch`.

    Raises:
        RuntimeError: Keras runs on neither TensorFlow nor JAX, or the model was made in a
            `tf.distribute` strategy of several replicas.
    """
    _check(model)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    hooks = model.__dict__.setdefault(_MAKE, _Hooks(model))
    hooks.hooks = sorted([*hooks.hooks, hook], key=lambda each: each.order)
    hooks.make()
    RunningFit(model).at_end(hooks.leave)


def remove(model: keras.Model, hook: TrainingHook) -> None:
    """Takes `hook` out again, if it is in."""
    hooks = model.__dict__.get(_MAKE)
    if isinstance(hooks, _Hooks) and hook in hooks.hooks:
        hooks.hooks.remove(hook)
        if hooks.hooks:
            hooks.make()
        else:
            hooks.leave()


def optimizer_of(optimizer: Any) -> Any:
    """The optimizer that has learning rate and iterations: the one inside of one that wraps it.

    Args:
        optimizer: of a model. A `MultiOptimizer` gives the last part that trains something.
    """
    return [part for part in optimizers_in(optimizer) if part.built][-1]


def updater_of(model: keras.Model, variable: Any) -> Any:
    """The optimizer that updates a variable of `model`, and has learning rate and iterations.

    One in an attribute of the model goes before that of `compile`, which is built for all variables
    whether it updates them or not.
    """
    parts = parts_of(model)[::-1]
    return next(p for p in parts if any(v is variable for v in p._trainable_variables))


def parts_of(model: keras.Model) -> list[Any]:
    """All optimizers that update weights of `model`, those in its attributes included."""
    return [part for each in optimizers_of(model).values() for part in optimizers_in(each)]


def optimizers_in(optimizer: Any) -> list[Any]:
    """The optimizers that update weights, without what scales losses or distributes variables.

    >>> adam = keras.optimizers.Adam()
    >>> optimizers_in(keras.optimizers.LossScaleOptimizer(adam)) == [adam]
    True
    """
    if optimizer is None:
        return []
    return list(getattr(_unwrapped(optimizer), "optimizers", [_unwrapped(optimizer)]))


def _unwrapped(optimizer: Any) -> Any:
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return optimizer


class _Hooks:
    """Stands in the place of `model.make_train_function`, which each `fit` calls first."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.hooks: list[TrainingHook] = []
        self.begun = self._training()

    def __call__(self, force: bool = False) -> Any:
        model = self.model
        # Another training, or asked for what is there, as trainings do: an exception has ended the
        # one that the hooks were for. A callback that makes the function anew takes it off first.
        known = model.train_function is not None and not force
        if known or any(
            new is not old for new, old in zip(self._training(), self.begun, strict=True)
        ):
            self.leave()
            return model.make_train_function(force)
        return self.make()

    def _training(self) -> tuple[Any, Any]:
        """What `compile` and what `fit` makes anew; objects that equal themselves only."""
        return self.model._loss_tracker, getattr(self.model, "history", None)

    def leave(self) -> None:
        if self.model.__dict__.get(_MAKE) is self:
            del self.model.__dict__[_MAKE]
            self.model.train_function = None
        self.hooks = []

    def make(self) -> None:
        model, step = self.model, self.model.train_step

        def train_step(*arguments: Any) -> Any:
            with self._in_place():
                return self._and_after(step(*arguments))

        with self._in_place(), swapped(model, train_step=train_step):
            type(model).make_train_function(model, force=True)
        model.train_function = self._guarded(model.train_function)

    def _guarded(self, function: Any) -> Any:
        step = self._with_state(function) if keras.backend.backend() == "jax" else function

        def train_function(*arguments: Any) -> Any:
            if self.model.__dict__.get(_MAKE) is not self:  # put back by someone, later
                self.model.make_train_function(force=True)
                function: Any = self.model.train_function
                return function(*arguments)
            return step(*arguments)

        return train_function

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """While a step is traced: constraints on the watched, and the state in the optimizer."""
        watched = {id(v): v for hook in self.hooks for v in hook.watched}.values()
        before = [(variable, variable.constraint) for variable in watched]
        state = self._state() if keras.backend.backend() == "jax" else []
        store = optimizer_of(self.model.optimizer)._variables  # those last in `variables`
        for variable, constraint in before:
            variable.constraint = self._constraint(variable, constraint)
        store.extend(state)
        try:
            yield
        finally:
            del store[len(store) - len(state) :]
            for variable, constraint in before:
                variable.constraint = constraint

    def _constraint(self, variable: Any, constraint: Any) -> Any:
        hooks = [h for h in self.hooks if any(v is variable for v in h.watched)]

        def constrain(value: Any) -> Any:
            for hook in hooks:
                value = hook.after_update(variable, value)
            return value if constraint is None else constraint(value)

        return constrain

    def _state(self) -> list[Any]:
        return [variable for hook in self.hooks for variable in hook.state]

    def _and_after(self, result: Any) -> Any:
        if keras.backend.backend() == "tensorflow":
            for hook in self.hooks:
                hook.after_step()
            return result
        logs, (weights, others, optimizer, metrics) = result
        model = self.model
        keys = [*model.trainable_variables, *model.non_trainable_variables]
        keys += model.optimizer.variables
        mapping = [*zip(keys, [*weights, *others, *optimizer], strict=True)]
        with keras.StatelessScope(mapping) as scope:
            for hook in self.hooks:
                hook.after_step()
        optimizer = [scope.get_current_value(v) for v in model.optimizer.variables]
        return logs, (weights, others, optimizer, metrics)

    def _with_state(self, function: Any) -> Any:
        """JAX knows no variables: the state goes in and comes out with the optimizer's."""

        def train_function(state: Any, iterator: Any) -> Any:
            own = self._state()
            weights, others, optimizer, metrics = state
            optimizer = [*optimizer, *(variable.value for variable in own)]
            logs, state = function((weights, others, optimizer, metrics), iterator)
            weights, others, optimizer, metrics = state
            cut = len(optimizer) - len(own)
            for variable, value in zip(own, optimizer[cut:], strict=True):
                variable.assign(value)
            return logs, (weights, others, optimizer[:cut], metrics)

        return train_function


def _check(model: keras.Model) -> None:
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise RuntimeError(
            "Computations in the training step are made for TensorFlow and JAX. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    check_one_replica(model, "What is computed in the training step")
