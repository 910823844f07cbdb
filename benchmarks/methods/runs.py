"""The runs: mnist1d's `mlp` and `resnet1d` with one field of `Regularization` on, over seeds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from occam import zoo
from occam.zoo.models import get_architecture

from ..runs import Job, run_all

__all__ = ["EPOCHS", "Alone", "Results", "measure", "value_of"]

EPOCHS = {"mlp": 60, "resnet1d": 20}


class Alone(NamedTuple):
    """A model with one field on, or none, and a seed."""

    model: str
    field: str | None
    seed: int


Results = Mapping[Alone, Mapping[str, Any]]


def value_of(field: str) -> Any:
    """What a field is set to: the middle of its search range, on its scale."""
    return zoo.Regularization.strengths()[field].middle


def measure(seeds: int, directory: Path, workers: int) -> Results:
    """Trains each model without and with each field that it can honour, as far as not done yet."""
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
    on = {field: value_of(field)} if field else {}
    return Job(
        name=f"{model}/{field or 'none'}-{seed}",
        model=model,
        data="mnist1d",
        regularization=zoo.Regularization(**on),
        epochs=EPOCHS[model],
        seed=seed,
    )
