"""`Subject`: the model of a search or of a penalty path, with the fields that vary."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

import keras
import keras_tuner
from keras_tuner.src.engine.hypermodel import get_hypermodel  # of KerasTuner 1.4.8

from ..core.checks import check_type, message
from ..core.model_graph import functional_of
from ..zoo import Data, Regularization, create_model, regularize
from ..zoo.models import Setting, get_architecture, resolve
from ..zoo.training import engine
from ..zoo.training.configuration import check_compiled, check_model, model_record
from ..zoo.training.train import as_data
from .execution import describe, has_fit
from .penalty_space import PenaltySpace, check_fields

SPACE = ("l2", "dropout")  # searched by default, with the fields of the tiers of a model

# From the hyperparameters of a trial, its regularization, a seed and options to a model.
Make = Callable[..., keras.Model]


@dataclass(frozen=True)
class Subject:
    """A kind of model whose penalties vary.

    Args:
        make: Function that builds the model of a trial, from its hyperparameters, regularization,
            seed and, as keywords, searched options.
        space: The fields that vary.
        known: The values of the first trials.
        record: What identifies the model, as JSON values.
        options: The options that `make` takes, and their values otherwise.
        compiled: Whether `make` returns models that a user compiled.
    """

    make: Make
    space: PenaltySpace
    known: list[dict[str, Any]]
    record: dict[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    compiled: bool = False

    @property
    def weakest(self) -> Regularization:
        """The regularization with all fields that vary on."""
        fields = Regularization.fields()
        on = {name: fields[name].weakest for name in self.space.fields}
        return self.space.around.replace(**on)


def subject_of(
    model: Any,
    data: Any,
    validation_data: Any,
    space: Sequence[str] | None,
    base: Any,
    learning_rate: float | None,
    options: Mapping[str, Any],
    *,
    seed: int,
    argument: str = "space",
) -> tuple[Subject, Data]:
    """Return the subject of a model, and its data.

    Args:
        model, data, validation_data, space, base, learning_rate, options, seed: As in `tune`.
        argument: The name of `space` in an error.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model does not support a field, or the data does not suit the model.
    """
    if isinstance(model, str):
        get_architecture(model, argument="model")
        data = as_data(data, validation_data, compiled=False, seed=seed)
        return _of_the_zoo(model, data, space, base, options, argument), data
    if options:
        raise ValueError(
            f"`{next(iter(options))}` is no argument: only models of the zoo have other options."
        )
    hypermodel = _hypermodel(model)
    example = hypermodel.build(keras_tuner.HyperParameters())
    if not isinstance(example, keras.Model):
        raise TypeError(message("model", example, "a function that returns a keras.Model"))
    _check_built(example, given=isinstance(model, keras.Model))
    data = as_data(data, validation_data, compiled=engine.is_compiled(example), seed=seed)
    return _of_a_user(hypermodel, example, data, space, base, learning_rate, argument), data


def penalized(model: keras.Model, regularization: Regularization, seed: int) -> keras.Model:
    """Return a copy of a model with the penalties and rates of a trial, compiled as the model is.

    The copy has the same weights.
    """
    copy, _ = regularize(model, regularization.only("model"), seed=seed)
    if engine.is_compiled(model):
        _compile_like(copy, model)
    return copy


def _compile_like(copy: keras.Model, model: keras.Model) -> None:
    """Compile a copy as its model is, with an optimizer and metrics of its own.

    `compile_from_config` cannot read losses and metrics that are functions of the user.
    """

    def anew(each: Any) -> Any:
        return type(each).from_config(each.get_config()) if isinstance(each, keras.Metric) else each

    arguments = dict(model._compile_config.config)  # of Keras 3.15; it has no public name
    for name in ("metrics", "weighted_metrics"):
        arguments[name] = keras.tree.map_structure(anew, arguments[name])
    optimizer: Any = model.optimizer
    arguments["optimizer"] = type(optimizer).from_config(optimizer.get_config())
    copy.compile(**arguments)


def _of_the_zoo(
    name: str,
    data: Data,
    space: Sequence[str] | None,
    base: Any,
    options: Mapping[str, Any],
    argument: str,
) -> Subject:
    """Return the subject of a name of `zoo.list_models()`."""
    architecture, setting = get_architecture(name), Setting.of(data)
    tiers = architecture.presets_for(setting).values()
    if space is None:
        used = {*SPACE, *(name for tier in tiers for name in tier.on())}
        space = [name for name in architecture.supported if name in used]
    fields = check_fields(argument, space, architecture.supported)
    base = resolve(base, name, setting, argument="base")
    architecture.check(base)
    penalties = PenaltySpace(fields, around=base)

    def make(hp: Any, regularization: Regularization, seed: int, **searched: Any) -> keras.Model:
        given: dict[str, Any] = {"data": data, "regularization": regularization, "seed": seed}
        return create_model(name, **given, **{**options, **searched})

    known = [penalties.values(tier) for tier in tiers]
    record = {"name": name, **options}
    return Subject(make, penalties, known, record, {**architecture.options, **options})


def _of_a_user(
    hypermodel: keras_tuner.HyperModel,
    example: keras.Model,
    data: Data,
    space: Sequence[str] | None,
    base: Any,
    learning_rate: float | None,
    argument: str,
) -> Subject:
    """Return the subject of a hypermodel, one model of which is `example`."""
    expected = "an occam.zoo.Regularization or None for a model from elsewhere"
    check_type("base", base, (Regularization, NoneType), expected)
    fields = check_fields(argument, SPACE if space is None else space, Regularization.fields())
    penalties = PenaltySpace(fields, around=base)

    def make(hp: Any, regularization: Regularization, seed: int) -> keras.Model:
        return penalized(hypermodel.build(hp), regularization, seed)

    record = {"from": "elsewhere", **model_record(example)}
    if isinstance(hypermodel, _Always):  # each candidate begins with its weights
        record["weights"] = describe(example.get_weights())
    subject = Subject(make, penalties, [], record, compiled=engine.is_compiled(example))
    if subject.compiled:
        _check_optimizer_fields(penalties, argument)
        check_compiled(example, data, subject.weakest, learning_rate)
    else:
        check_model(example, data)
    penalized(example, subject.weakest, 0)  # raises if the model does not support a field
    return subject


def _check_built(example: keras.Model, *, given: bool) -> None:
    """Raise an error unless a model has weights and layers that can be copied."""
    start = "`model` must be" if given else "`model` must return"
    kind = type(example).__name__
    if not example.built:
        raise ValueError(
            f"{start} a built model: begin a Sequential with keras.Input(shape), or call "
            f"model.build((None, *shape)). Received: {kind} {example.name!r}, which is not built"
        )
    if functional_of(example) is None:
        raise ValueError(
            f"{start} a functional or sequential model, whose layers can be copied with other "
            f"penalties; tuning.Tuner searches any model. Received: {kind} {example.name!r}"
        )


def _check_optimizer_fields(penalties: PenaltySpace, argument: str) -> None:
    """Raise an error if a compiled model would need another optimizer."""
    for name in ("weight_decay", "sam_rho"):
        reason = "since `model` is compiled with an optimizer of its own"
        if name in penalties.fields:
            raise ValueError(
                f"`{argument}` must not have {name!r}, {reason}. "
                f"Received: {argument}={', '.join(penalties.fields)}"
            )
        if value := getattr(penalties.around, name):
            raise ValueError(f"`base` must have {name}=0, {reason}. Received: {name}={value:g}")


def _hypermodel(model: Any) -> keras_tuner.HyperModel:
    """Return the hypermodel of a Keras model, or of a function that builds one."""
    if isinstance(model, keras.Model):
        return _Always(model)
    expected = "a name of zoo.list_models(), a keras.Model, or a function build(hp)"
    if not (isinstance(model, keras_tuner.HyperModel) or callable(model)):
        raise TypeError(message("model", model, expected))
    hypermodel: Any = get_hypermodel(model)
    if has_fit(hypermodel):
        raise ValueError(
            "`model` must not have a `fit` of its own: use tuning.Tuner, and tuning.PenaltySpace "
            f"in `build`. Received: model={model!r}"
        )
    return hypermodel


class _Always(keras_tuner.HyperModel):
    """The hypermodel of one model."""

    def __init__(self, model: keras.Model):
        super().__init__()
        self.model = model

    def build(self, hp: Any) -> keras.Model:
        return self.model
