"""`ModelState`: all variables that the training of a model goes on with."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras

from .weight_copies import Weights

__all__ = ["ModelState", "optimizers_of"]


class ModelState:
    """The variables of a model, of its optimizers, and those that are attributes only.

    Besides `model.variables` and the optimizer that it is compiled with, these are found in the
    attributes of the model and of its layers, in lists, tuples, sets and dicts, too: optimizers, as
    a GAN has two; on TensorFlow its own variables and random generators; and metrics which `fit`
    does not reset. The objects in attributes are not looked into.

    Args:
        model: built.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.optimizers = optimizers_of(model)
        named = [(v.path.rsplit("/", 1)[-1], v) for v in model.variables]
        reset = {id(metric) for metric in model.metrics}
        for path, value in _attributes(model):
            if id(value) not in reset:
                named += [(path, variable) for variable in _variables(value)]
        for path, optimizer in self.optimizers.items():
            named += [(path, variable) for variable in optimizer.variables]
        unique = {id(variable): (name, variable) for name, variable in reversed(named)}
        self._names = [name for name, _ in reversed(unique.values())]
        self.variables = [variable for _, variable in reversed(unique.values())]
        self._weights: Weights | None = None

    def signature(self) -> list[list[Any]]:
        """The name and shape of each variable. Names, which may carry a counter, are for messages.

        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd")
        >>> ModelState(model).signature()[:3]
        [['kernel', [2, 1]], ['bias', [1]], ['optimizer', []]]
        """
        pairs = zip(self._names, self.variables, strict=True)
        return [[name, list(variable.shape)] for name, variable in pairs]

    def weights(self) -> Weights:
        """The values, to be read and written."""
        if self._weights is None:
            self._weights = Weights(self.variables)
        return self._weights

    def built(self) -> dict[str, list[int] | None]:
        """For each optimizer where its variables are in `model.variables`; `None`: not built.

        Raises:
            ValueError: an optimizer updates variables that are not the model's.
        """
        places = {id(variable): i for i, variable in enumerate(self.model.variables)}
        found: dict[str, list[int] | None] = {}
        for path, optimizer in self.optimizers.items():
            updated = list(optimizer._trainable_variables)
            if others := [v.path for v in updated if id(v) not in places]:
                raise ValueError(
                    f"The optimizer `{path}` of model {self.model.name!r} updates variables that "
                    "are not the model's, and which cannot be restored: make what holds them an "
                    f"attribute of the model. Received: {', '.join(others)}"
                )
            found[path] = [places[id(v)] for v in updated] if optimizer.built else None
        return found

    def build(self, built: Mapping[str, list[int] | None]) -> "ModelState":
        """The state with the optimizers built as `built` says that those of another process were.

        Args:
            built: of a model with the same optimizers.
        """
        variables = self.model.variables
        for path, places in built.items():
            optimizer = self.optimizers[path]
            # A place that is not there is of another model, which its variables tell.
            if places and max(places) < len(variables) and not optimizer.built:
                optimizer.build([variables[i] for i in places])
        return type(self)(self.model)


def optimizers_of(model: keras.Model) -> dict[str, Any]:
    """All optimizers of a model by where they are, that of `compile` first.

    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile("sgd")
    >>> model.slow = [keras.optimizers.Adam()]
    >>> list(optimizers_of(model))
    ['optimizer', 'slow/0']
    """
    found = {"optimizer": model.optimizer} if model.optimizer is not None else {}
    parts = _parts(model.optimizer)
    for path, value in _attributes(model):
        if isinstance(value, keras.optimizers.Optimizer) and id(value) not in parts:
            found[path] = value
            parts |= _parts(value)
    return found


def _parts(optimizer: Any) -> set[int]:
    """An optimizer and those within it, which have their variables among its own."""
    if optimizer is None:
        return set()
    inner = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())]
    return {id(optimizer)}.union(*map(_parts, inner))


def _attributes(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """What is in the attributes of a model and its layers, by its path."""
    for layer in model._flatten_layers():
        path = "" if layer is model else f"{layer.path or layer.name}/"
        for name, value in vars(layer).items():
            # Lists of what is elsewhere, Keras' own and TensorFlow's.
            if name not in ("_layers", "_metrics") and not name.startswith("_self_"):
                yield from _leaves(f"{path}{name}", value)


def _leaves(path: str, value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        parts = [*value.items()]
    elif isinstance(value, list | tuple | set):
        parts = [*enumerate(value)]
    else:
        yield path, value
        return
    if depth < 4:
        for name, part in parts:
            yield from _leaves(f"{path}/{name}", part, depth + 1)


def _variables(value: Any) -> list[Any]:
    """The variables of an attribute that may be among no others."""
    if isinstance(value, keras.Variable):
        return [value]
    if isinstance(value, keras.random.SeedGenerator):
        return [value.state]
    if isinstance(value, keras.metrics.Metric):
        return list(value.variables)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        if isinstance(value, tf.Variable):
            return [value]
        if isinstance(value, tf.random.Generator):
            return [value.state]
    return []
