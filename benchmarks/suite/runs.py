"""Runs of the suite, one JSON line each in results.jsonl.

The test part of a data set is looked at through these records only.
"""

import fcntl
import json
import multiprocessing
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import keras
from tqdm import tqdm

from occam import zoo

from ..runs import single_thread
from .sets import RECIPES, SETS, Recipe

RESULTS = Path(__file__).parent / "results.jsonl"


class Job(NamedTuple):
    """A data set, a model or the name of a recipe, a tier of regularization and a seed."""

    set: str
    model: str
    tier: str
    seed: int


Record = dict[str, Any]


def run(job: Job, path: Path = RESULTS) -> Record:
    """Train with all defaults and append the record, unless the file has it; return the record."""
    if job in (records := read(path)):
        return records[job]
    record = {**job._asdict(), **_train(job)}
    _append(record, path)
    return record


def run_all(jobs: Sequence[Job], path: Path, workers: int) -> None:
    """Run the jobs that have no record; exit with an error at the end if a training diverged."""
    done = read(path)
    missing = [job for job in jobs if job not in done]
    context = multiprocessing.get_context("spawn")
    diverged = []
    with context.Pool(workers, single_thread, maxtasksperchild=25) as pool:
        lines = pool.imap_unordered(partial(_attempt, path), missing)
        for finished, line in tqdm(lines, total=len(missing), unit="run", file=sys.stderr):
            print(line, flush=True)
            if not finished:
                diverged.append(line)
    if diverged:
        sys.exit("\n".join(("Diverged:", *diverged)))


def _attempt(path: Path, job: Job) -> tuple[bool, str]:
    """Run a job, and return whether it has a record, and what to print."""
    name = " ".join(map(str, job))
    try:
        record = run(job, path)
    except FloatingPointError as error:
        return False, f"{name}: {error}"
    return True, f"{name}: {record['metric']} {record['test']:.3f}"


def read(path: Path = RESULTS) -> dict[Job, Record]:
    """Return the records of a file; of several for one job, the latest.

    A last line that was torn when its writer was killed is left out.

    Raises:
        ValueError: If another line is no record.
    """
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    records = {}
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            break
        try:
            record = json.loads(line)
            records[Job(*(record[name] for name in Job._fields))] = record
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}, line {number}: not a record ({error!r}).") from error
    return records


def _append(record: Record, path: Path) -> None:
    """Append a line, in place of a torn one; several processes may write."""
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(json.dumps(record).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _train(job: Job) -> Record:
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
