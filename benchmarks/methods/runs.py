"""Train `mlp` and `resnet1d` on mnist1d with one field of `Regularization` at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from occam import zoo
from occam.zoo.models import get_architecture

from ..runs import Job, run_all

EPOCHS = {"mlp": 60, "resnet1d": 20}


class Alone(NamedTuple):
    """A model, the one field that is set (or None), and the seed."""

    model: str
    field: str | None
    seed: int


Results = Mapping[Alone, Mapping[str, Any]]


def value_of(field: str) -> Any:
    """Return the middle of the search range of a field, on the field's scale."""
    return zoo.Regularization.fields()[field].middle


def measure(seeds: int, directory: Path, workers: int) -> Results:
    """Train each model without and with each field that it supports, unless already done."""
    alone = [
        Alone(model, field, seed)
        for model in EPOCHS
        for field in (None, *get_architecture(model).supported)
        for seed in range(seeds)
    ]
    jobs = [_job(*each) for each in alone]
    results = run_all(jobs, directory, workers)
    return {each: results[job] for each, job in zip(alone, jobs, strict=True)}


def _job(model: str, field: str | None, seed: int) -> Job:
    fields = {field: value_of(field)} if field else {}
    return Job(
        name=f"{model}/{field or 'none'}-{seed}",
        model=model,
        data="mnist1d",
        regularization=zoo.Regularization(**fields),
        epochs=EPOCHS[model],
        seed=seed,
    )
