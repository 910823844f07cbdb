"""`Group`: runs of one configuration, and the fields in which configurations differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...core.checks import message
from ..regularization import Regularization
from ..training import Run, engine
from .paired import mean_over_seeds

FieldPath = tuple[str, ...]  # of a field in the configuration of a run

# Seeds, what follows from other fields or says where files lie, and the data itself, which has to
# be the same and is checked, do not define a group.
_LEFT_OUT = {
    *(("training", name) for name in ("seed", "steps", "validation_by")),
    *(("data", name) for name in ("seed", "source", "task", "digest", "rows")),
    *(("data", name) for name in ("data_dir", "download")),
}


class Seed(NamedTuple):
    """The seeds of a run. Runs of two groups with equal seeds are a pair.

    Args:
        training: The seed of the order of the samples and of their augmentation.
        model: The seed of the initial weights; that of the training for a model from elsewhere.
        data: The seed of the validation part.
    """

    training: int
    model: int
    data: int

    @classmethod
    def of(cls, run: Run) -> "Seed":
        """Return the seeds of a run."""
        training = run.config["training"]["seed"]
        model = run.config["model"].get("seed", training)
        return cls(training, model, run.config["data"]["arguments"]["seed"])

    def __str__(self):
        others = {"model": (self.model, self.training), "data": (self.data, 0)}
        shown = [f"{name} {seed}" for name, (seed, usual) in others.items() if seed != usual]
        return str(self.training) + (f" ({', '.join(shown)})" if shown else "")


@dataclass(frozen=True)
class Group:
    """The runs of one configuration with several seeds.

    Args:
        name: The fields in which the group differs from others, such as "dropout=0.1"; "none" for
            no regularization. Regularization that is off is left out.
        settings: The values of all fields in which the groups differ.
        runs: The runs by seed.
        figures: The value of each quantity of each run, in the order of `runs`: the scores of the
            task, `data_loss`, the gap of both to the training part, `epochs` and `seconds`.
    """

    name: str
    settings: dict[str, Any]
    runs: dict[Seed, Run]
    figures: dict[str, list[float]]

    @property
    def regularized(self) -> bool:
        """Whether any recorded regularization is on."""
        return bool(next(iter(self.runs.values())).regularization.on())

    def mean(self, quantity: str) -> tuple[float, float | None]:
        """Return the mean of a quantity over the seeds, and its standard error."""
        return mean_over_seeds(self.figures[quantity])

    def of(self, quantity: str, seeds: Sequence[Seed]) -> list[float]:
        """Return the values of a quantity for some of the seeds."""
        values = dict(zip(self.runs, self.figures[quantity], strict=True))
        return [values[seed] for seed in seeds]


def group_runs(runs: Sequence[Run], part: str) -> list[Group]:
    """Return the runs grouped by all that they have in common but the seeds, in their order.

    Raises:
        ValueError: If two runs have the same configuration and seeds, or a figure is not finite.
    """
    found: list[tuple[dict[FieldPath, Any], dict[Seed, Run]]] = []
    for run in runs:
        fields, seed = fields_of(run), Seed.of(run)
        group = next((members for theirs, members in found if _equal(theirs, fields)), None)
        if group is None:
            found.append((fields, {seed: run}))
        elif seed in group:
            raise ValueError(
                "`runs` must differ in the configuration or in a seed; of a compiled model, the "
                "optimizer and the loss are not recorded. Received: "
                f"{place(group[seed])} and {place(run)}, both with seed {seed}"
            )
        else:
            group[seed] = run
    settings = differing([fields for fields, _ in found])
    groups = []
    for each, (fields, members) in zip(settings, found, strict=True):
        by_seed = dict(sorted(members.items()))
        figures = [figures_of(run, part) for run in by_seed.values()]
        common = [name for name in figures[0] if all(name in other for other in figures)]
        by_name = {name: [run[name] for run in figures] for name in common}
        one = next(iter(by_seed.values()))
        known = "name" in one.config["model"]  # else only that of the training is
        regularized = not known or bool(one.regularization.on())
        name = name_of(each, regularized=regularized) or fields["model",]
        groups.append(Group(name, each, by_seed, by_name))
    return groups


def place(run: Run) -> str:
    """Return the directory of a run for messages."""
    return "a run without a directory" if run.directory is None else str(run.directory)


def fields_of(run: Run) -> dict[FieldPath, Any]:
    """Return the fields of a run's configuration that define its group.

    Options of the architecture are named after the model, since another model has others.
    """
    model = run.config["model"]
    name = model.get("name") or f"architecture {model['architecture']}"
    fields: dict[FieldPath, Any] = {
        ("model",): name,
        ("model", "weights"): model.get("weights"),
        ("model", "surgery"): _frozen(model.get("surgery", ())),
    }
    for key, value in model.get("options", {}).items():
        fields["options", name, key] = _frozen(value)
    parts = {
        "regularization": run.regularization.to_dict(),  # with all fields
        "training": run.config["training"],
        "data": run.config["data"]["arguments"],
    }
    for part, values in parts.items():
        fields |= {(part, key): _frozen(value) for key, value in values.items()}
    return {path: value for path, value in fields.items() if path not in _LEFT_OUT}


def _frozen(value: Any) -> Any:
    """Return a value with tuples for JSON's lists: a run that was not loaded may have either."""
    if isinstance(value, Mapping):
        return {key: _frozen(each) for key, each in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _equal(a: Mapping[FieldPath, Any], b: Mapping[FieldPath, Any]) -> bool:
    """Return whether two configurations are equal; a field that an older run lacks is `None`."""
    return all(a.get(path) == b.get(path) for path in {*a, *b})


def differing(configurations: Sequence[Mapping[FieldPath, Any]]) -> list[dict[str, Any]]:
    """Return for each configuration its values of the fields that differ, by short names.

    A short name is the end of the dotted name, as long as it must be to mean one field only.

    >>> first = {("model",): "mlp", ("options", "mlp", "units"): (8,), ("training", "epochs"): 5}
    >>> differing([first, {**first, ("options", "mlp", "units"): (16,)}])
    [{'units': (8,)}, {'units': (16,)}]
    """
    paths = list(dict.fromkeys(path for fields in configurations for path in fields))
    settings: list[dict[str, Any]] = [{} for _ in configurations]
    for path in paths:
        # Options of one architecture are compared among its own configurations.
        own = path[1] if path[0] == "options" else None
        having = [i for i, f in enumerate(configurations) if own in (None, f["model",])]
        values = [configurations[i].get(path) for i in having]
        if any(value != values[0] for value in values):
            for i, value in zip(having, values, strict=True):
                settings[i][_short(path, paths)] = value
    return settings


def _short(path: FieldPath, paths: Sequence[FieldPath]) -> str:
    for length in range(1, len(path)):
        if sum(other[-length:] == path[-length:] for other in paths) == 1:
            return ".".join(path[-length:])
    return ".".join(path)


def name_of(settings: Mapping[str, Any], *, regularized: bool) -> str:
    """Return the name of a group by its settings, without regularization that is off.

    >>> name_of({"dropout": 0.1, "l2": 0.0}, regularized=True)
    'dropout=0.1'
    >>> name_of({"dropout": 0.0, "l2": 0.0}, regularized=False)
    'none'
    """
    off = {name: strength.off for name, strength in Regularization.fields().items()}
    on = {
        name: value
        for name, value in settings.items()
        if (field := name.removeprefix("regularization.")) not in off or value != off[field]
    }
    if on or not settings:
        return assignments(on)
    return assignments(settings) if regularized else "none"


def assignments(settings: Mapping[str, Any]) -> str:
    """Return settings as text.

    >>> assignments({"dropout": 0.1, "units": (64, 64), "augmentation": "medium"})
    'dropout=0.1, units=(64,64), augmentation=medium'
    """
    return ", ".join(f"{name}={_text(value)}" for name, value in settings.items())


def _text(value: Any) -> str:
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return str(value).replace(", ", ",").replace(",)", ")")


def figures_of(run: Run, part: str) -> dict[str, float]:
    """Return the quantities of a run that are compared.

    Raises:
        ValueError: If one of them is not finite.
    """
    values = run.result[part]
    errors = {f"{name}_error" for name in values}  # but not `calibration_error`
    figures = {n: v for n, v in values.items() if n not in {"loss", "data_loss", *errors}}
    figures["data_loss"] = values["data_loss"]
    # With a refit, the figures of the validation part are those of another model.
    if part == "test" or not run.result.get("refit"):
        gaps = engine.gap({"train": run.result["train"], part: values}, run.task)
        figures |= {f"gap_{name}": gap for name, gap in gaps.items()}
    figures |= {name: run.result[name] for name in ("epochs", "seconds")}
    for name, value in figures.items():
        if not np.isfinite(value):
            expected = "runs with finite figures"
            raise ValueError(f"{message('runs', place(run), expected)}, {name} {value}")
    return {name: float(value) for name, value in figures.items()}
