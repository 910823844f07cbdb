"""Hooks of callbacks inside the training step, after each update of the weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from .model_state import optimizers_in
from .running_fit import RunningFit

_MAKE = "make_train_function"


class TrainingHook:
    """Base class of computations in the graph of each training step, on TensorFlow and JAX.

    Keras calls the batch hooks of a callback only once in `steps_per_execution` steps.
    """

    order = 0  # hooks with lower numbers run first
    watched: list[Any]  # variables of the model, for `after_update`
    state: list[Any]  # the hook's own variables; a change between two steps needs no retrace

    def after_update(self, variable: Any, value: Any) -> Any:
        """Return the new value of a watched variable after an update to `value`.

        Keras applies a variable's constraint at the same time, before the optimizer counts the
        update. With gradient accumulation, most calls follow no update.
        """
        return value

    def after_step(self) -> None:
        """Compute with any variables of the model or the optimizer, and assign `state`."""


def install(model: keras.Model, hook: TrainingHook) -> None:
    """Rebuild `model.train_function` with a hook in it, until `remove` or the next `fit`.

    If an exception ends `fit` before `on_train_end`, Keras' own training function is restored when
    the frame of `fit` is gone, or else in the next `fit` or `train_on_batch`.
    """
    check_backend("A computation in the training step")
    check_one_replica(model, "A computation in the training step")
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    hooks = model.__dict__.setdefault(_MAKE, _Hooks(model))
    hooks.hooks = sorted([*hooks.hooks, hook], key=lambda each: each.order)
    hooks.make()
    RunningFit(model).at_end(hooks.leave)


def remove(model: keras.Model, hook: TrainingHook) -> None:
    """Remove a hook, if it is installed."""
    hooks = model.__dict__.get(_MAKE)
    if isinstance(hooks, _Hooks) and hook in hooks.hooks:
        hooks.hooks.remove(hook)
        if hooks.hooks:
            hooks.make()
        else:
            hooks.leave()


@contextmanager
def swapped(owner: Any, **attributes: Any) -> Iterator[None]:
    """Replace attributes of an object in a context, unseen by Keras' tracking."""
    own = vars(owner)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del own[name]
        own.update(before)


def check_one_replica(model: keras.Model, what: str) -> None:
    """Raise a `RuntimeError` if the model has a `tf.distribute` strategy of several replicas."""
    strategy = getattr(model, "distribute_strategy", None)
    if (replicas := getattr(strategy, "num_replicas_in_sync", 1)) > 1:
        raise RuntimeError(
            f"{what} does not support tf.distribute with several replicas. "
            f"Received: a strategy with {replicas} replicas"
        )


def check_backend(what: str) -> None:
    """Raise a `RuntimeError` unless the backend is TensorFlow or JAX."""
    if (backend := keras.backend.backend()) not in ("tensorflow", "jax"):
        raise RuntimeError(f"{what} needs the TensorFlow or JAX backend. Received: {backend}")


class _Hooks:
    """A replacement for `model.make_train_function`; each `fit` calls it first."""

    def __init__(self, model: keras.Model):
        self.model = model
        self.hooks: list[TrainingHook] = []
        self.begun = self._training()

    def __call__(self, force: bool = False) -> Any:
        model = self.model
        # An exception has ended the training of the hooks if this is another training, or if the
        # function exists. Callbacks that rebuild the function pass `force` or delete it.
        known = model.train_function is not None and not force
        begun = zip(self._training(), self.begun, strict=True)
        if known or any(now is not then for now, then in begun):
            self.leave()
            return model.make_train_function(force)
        return self.make()

    def _training(self) -> tuple[Any, Any]:
        # `compile` replaces the first, and `fit` the second.
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
            if self.model.__dict__.get(_MAKE) is self:
                return step(*arguments)
            self.model.make_train_function(force=True)  # somebody restored this after `leave`
            own: Any = self.model.train_function
            return own(*arguments)

        return train_function

    @contextmanager
    def _in_place(self) -> Iterator[None]:
        """Constrain the watched variables and add the state to the optimizer, during tracing."""
        watched = {id(v): v for hook in self.hooks for v in hook.watched}.values()
        before = [(variable, variable.constraint) for variable in watched]
        state = self._state() if keras.backend.backend() == "jax" else []
        # The last optimizer that is built; its variables come last in `optimizer.variables`.
        store = [o for o in optimizers_in(self.model.optimizer) if o.built][-1]._variables
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
        """Pass the state in and out with the variables of the optimizer, as JAX needs it."""

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
