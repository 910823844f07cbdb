"""Runs of the suite, one JSON line each in results.jsonl.

The test part of a data set is looked at through these records only.
"""

from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import keras

from occam import zoo

from ..records import Record
from .sets import RECIPES, SETS, Recipe

RESULTS = Path(__file__).parent / "results.jsonl"


class Job(NamedTuple):
    """A data set, a model or the name of a recipe, a tier of regularization and a seed."""

    set: str
    model: str
    tier: str
    seed: int


def train(job: Job) -> Record:
    """Train with all defaults, and return the figures of the run."""
    (public,) = (each for each in SETS if each.name == job.set)
    keras.backend.clear_session()
    name, of_data, options = RECIPES.get(job.model, Recipe(job.model, {}, {}))
    data = zoo.load_data(job.set, seed=job.seed, **of_data)
    model = zoo.create_model(name, data=data, regularization=job.tier, seed=job.seed, **options)
    trained = zoo.train(model, data, verbose=0, log_dir=None, seed=job.seed)
    result, config, strengths = trained.result, trained.config, trained.regularization
    git = config["git"] or {"commit": "unknown", "dirty": False}
    return {
        "metric": public.metric,
        "validation": result["validation"][public.metric],
        "test": result["test"][public.metric],
        "data_loss": {part: result[part]["data_loss"] for part in ("validation", "test")},
        "epochs": result["epochs"],
        "seconds": result["seconds"],
        "regularization": {name: getattr(strengths, name) for name in strengths.on()},
        "versions": {
            "commit": git["commit"][:8] + "+" * git["dirty"],
            **config["versions"],
            public.package: metadata.version(public.package),
        },
    }
