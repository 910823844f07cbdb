"""All variables and optimizers that the training of a model depends on."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import keras

from .variables import Weights


class ModelState:
    """The variables of a built model and its optimizers, including those in attributes only.

    The attributes of the model and its layers, and containers in them, may hold more optimizers (a
    GAN has two), metrics that `fit` does not reset, and native variables and random generators.
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

    def signature(self) -> list[list[Any]]:
        """Return the name and shape of each variable; names may contain a counter."""
        pairs = zip(self._names, self.variables, strict=True)
        return [[name, list(variable.shape)] for name, variable in pairs]

    @functools.cached_property
    def weights(self) -> Weights:
        return Weights(self.variables)

    def optimizer_indices(self) -> dict[str, list[int] | None]:
        """Return the indices in `model.variables` of each optimizer; `None` if it is not built."""
        index = {id(variable): i for i, variable in enumerate(self.model.variables)}
        found: dict[str, list[int] | None] = {}
        for path, optimizer in self.optimizers.items():
            updated = list(optimizer._trainable_variables)
            if others := [v.path for v in updated if id(v) not in index]:
                raise ValueError(
                    f"The optimizer `{path}` must update only variables of the model. Make the "
                    "layer that holds the others an attribute of the model. "
                    f"Received: {', '.join(others)}"
                )
            found[path] = [index[id(v)] for v in updated] if optimizer.built else None
        return found

    def build_optimizers(self, indices: Mapping[str, list[int] | None]) -> "ModelState":
        """Build the optimizers for saved `optimizer_indices`, and return the new state."""
        variables = self.model.variables
        for path, places in indices.items():
            optimizer = self.optimizers[path]
            # Indices out of range belong to another model; its signature differs, too.
            if places and max(places) < len(variables) and not optimizer.built:
                optimizer.build([variables[i] for i in places])
        return type(self)(self.model)


def optimizers_of(model: keras.Model) -> dict[str, Any]:
    """Return all optimizers of a model by their path, such as "slow/0"; the compiled one first."""
    found = {"optimizer": model.optimizer} if model.optimizer is not None else {}
    parts = _nested(model.optimizer)
    for path, value in _attributes(model):
        if isinstance(value, keras.optimizers.Optimizer) and id(value) not in parts:
            found[path] = value
            parts |= _nested(value)
    return found


def optimizers_in(optimizer: Any) -> list[Any]:
    """Return the optimizers that update weights, without wrappers such as loss scaling."""
    while hasattr(optimizer, "inner_optimizer"):
        optimizer = optimizer.inner_optimizer
    return [] if optimizer is None else list(getattr(optimizer, "optimizers", [optimizer]))


def updating_optimizers(model: keras.Model) -> list[Any]:
    """Return all optimizers that update weights of a model, those in attributes included."""
    return [part for each in optimizers_of(model).values() for part in optimizers_in(each)]


def optimizer_updating(model: keras.Model, variable: Any) -> Any:
    """Return the optimizer that updates a variable of a model."""
    # The compiled optimizer comes last, as it is built for all variables.
    parts = updating_optimizers(model)[::-1]
    return next(p for p in parts if any(v is variable for v in p._trainable_variables))


def _nested(optimizer: Any) -> set[int]:
    """Return the ids of an optimizer and of the optimizers in it."""
    if optimizer is None:
        return set()
    inner = [getattr(optimizer, "inner_optimizer", None), *getattr(optimizer, "optimizers", ())]
    return {id(optimizer)}.union(*map(_nested, inner))


def _attributes(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yield the path and value of each attribute of a model and its layers, also in containers."""
    for layer in model._flatten_layers():
        path = "" if layer is model else f"{layer.path or layer.name}/"
        for name, value in vars(layer).items():
            # Keras' and TensorFlow's own lists repeat other attributes.
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
