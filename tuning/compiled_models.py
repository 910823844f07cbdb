"""`CompiledModels`: the training of many models without tracing their steps again."""

import json
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from ..callbacks.strengths.live import find_live
from ..core.live_scalar import LiveScalar
from ..core.model_graph import can_be_rebuilt
from ..zoo import Regularization
from ..zoo.regularizers.lookup import Sum
from ..zoo.training.sharpness_aware import SharpnessAware

_RECORDS = ("seed", "blueprint")  # entries of a config that do not change the traced step


class CompiledModels:
    """Compiled models, each trained again with the values of other models of the same structure.

    To trace the steps of a small model takes longer than to train it. Two models have the same
    structure if their configurations differ in nothing but seeds and live values: strengths of
    penalties, rates of dropout, and the like (see `occam.core.live_scalar.LiveScalar`), with the
    weight decay of Occam's AdamW. Then the compiled model takes over all values of the new one, and
    its optimizer begins anew. On a CPU, the training has the same result, to the last bit.

    Args:
        most: The number of models to keep; the one that was used least recently is dropped.

    Example:

    >>> from occam.zoo.regularizers import L2
    >>> def build(l2):
    ...     dense = keras.layers.Dense(2, kernel_regularizer=L2(l2), name="dense")
    ...     return keras.Sequential([keras.Input((4,), name="features"), dense], name="model")
    >>> models = CompiledModels()
    >>> def get(fresh):
    ...     return models.get(fresh, lambda: fresh.compile("adam", "mse") or fresh)
    >>> get(build(1e-3)) is get(build(1e-4))
    True
    """

    def __init__(self, most: int = 8):
        self.most = most
        self.reused = False  # whether the last model has been trained before
        self._kept: OrderedDict[str, _Compiled] = OrderedDict()

    def get(
        self,
        fresh: keras.Model,
        compile: Callable[[], keras.Model],
        regularization: Regularization | None = None,
        *,
        same: Any = None,
    ) -> keras.Model:
        """Return a compiled model with the values of `fresh`.

        Args:
            fresh: A built model.
            compile: Function that compiles `fresh` and returns the model to train.
            regularization: The weight decay and the radius of sharpness-aware steps, which the
                optimizer and the model to train have. `None` if they have no such values.
            same: Additional key of the model, as JSON values.
        """
        key = structure(fresh)
        if key is None:
            self.reused = False
            return compile()
        sharpness_aware = regularization is not None and regularization.sam_rho > 0
        key = json.dumps([key, sharpness_aware, same], sort_keys=True, default=str)
        if key not in self._kept:
            self._kept[key] = _Compiled(fresh, compile(), decays=regularization is not None)
            if len(self._kept) > self.most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        self.reused = self._kept[key].is_trained
        return self._kept[key].with_values(fresh, regularization)


class _Compiled:
    """A compiled model, its values and the first state of its optimizer."""

    def __init__(self, model: keras.Model, trainee: keras.Model, decays: bool):
        self.model, self.trainee = model, trainee
        self.optimizer: Any = trainee.optimizer
        self.optimizer.build(model.trainable_variables)
        self.state = [np.array(variable) for variable in self.optimizer.variables]
        self.live = find_live(self.optimizer, "weight_decay", trainee) if decays else []

    @property
    def is_trained(self) -> bool:
        """Whether its steps are traced."""
        return int(self.optimizer.iterations) > 0

    def with_values(self, fresh: keras.Model, regularization: Regularization | None) -> keras.Model:
        """Return the model to train, with the values of `fresh` and a new optimizer's state."""
        pairs = zip(self.model.variables, fresh.variables, strict=True)
        for ours, theirs in [*pairs, *zip(self.optimizer.variables, self.state, strict=True)]:
            ours.assign(theirs)
        for ours, theirs in zip(_penalties(self.model), _penalties(fresh), strict=True):
            for name in _live_names(type(ours)):
                setattr(ours, name, getattr(theirs, name))
        if regularization is not None:
            for each in self.live:
                each.assign(regularization.weight_decay)
            if isinstance(self.trainee, SharpnessAware):
                self.trainee.rho = regularization.sam_rho
        return self.trainee


def structure(model: keras.Model) -> Any:
    """Return the configuration of a model without its seeds and live values, as JSON values.

    It is `None` if the model may have a state that neither its configuration nor its variables
    show: for subclassed models, layers of users, and recurrent layers that keep their states.

    Example:

    >>> from occam.zoo.layers import Dropout
    >>> model = keras.Sequential([keras.Input((2,)), Dropout(0.1, seed=7)])
    >>> config = structure(model)["layers"][1]["config"]
    >>> config["rate"], config["seed"]
    ('live', None)
    """
    if not (can_be_rebuilt(model) and all(map(_has_no_other_state, model._flatten_layers()))):
        return None
    penalties = [keras.saving.serialize_keras_object(each) for each in _penalties(model)]
    return {**_without_values(model.get_config()), "penalties": _without_values(penalties)}


def _has_no_other_state(layer: keras.Layer) -> bool:
    ours = type(layer).__module__.split(".")[0] in ("keras", "occam")
    stateful = getattr(layer, "stateful", False)
    return ours and not stateful and not isinstance(layer, keras.layers.Lambda)


def _without_values(config: Any) -> Any:
    """Return a configuration in which all objects have no seeds and live values."""
    if isinstance(config, list | tuple):
        return [_without_values(each) for each in config]
    if not isinstance(config, dict):
        return config
    found = {name: _without_values(value) for name, value in config.items()}
    kind = keras.saving.get_registered_object(config.get("registered_name") or "")
    if kind is not None:
        own = found["config"]
        for name in _live_names(kind):
            if isinstance(own.get(name), float | int):
                own[name] = "live"
    return {name: None if name in _RECORDS else value for name, value in found.items()}


def _live_names(kind: type) -> list[str]:
    return [name for name in dir(kind) if isinstance(getattr(kind, name, None), LiveScalar)]


def _penalties(model: keras.Model) -> Iterator[Any]:
    """Yield the regularizers of all layers, in order, with the terms of sums."""
    for layer in model._flatten_layers():
        for value in vars(layer).values():
            if isinstance(value, Sum):
                yield from value.terms
            elif isinstance(value, keras.regularizers.Regularizer):
                yield value
