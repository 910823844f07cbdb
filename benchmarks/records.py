"""Runs of a benchmark, one JSON line each in a file, so that a killed one goes on."""

import fcntl
import json
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from .runs import single_thread

Record = dict[str, Any]
Job = TypeVar("Job", bound=tuple)  # a NamedTuple; its fields begin the record
Train = Callable[[Any], Record]


def run(train: Train, job: Any, path: Path) -> Record:
    """Train and append the record, unless the file has it; return the record."""
    if job in (records := read(path, type(job))):
        return records[job]
    record = {**job._asdict(), **train(job)}
    _append(record, path)
    return record


def run_all(train: Train, jobs: Sequence[Any], path: Path, workers: int) -> None:
    """Run the jobs that have no record; exit with an error at the end if a training diverged."""
    done = read(path, type(jobs[0])) if jobs else {}
    missing = [job for job in jobs if job not in done]
    context = multiprocessing.get_context("spawn")
    diverged = []
    with context.Pool(workers, single_thread, maxtasksperchild=25) as pool:
        lines = pool.imap_unordered(partial(_attempt, train, path), missing)
        for finished, line in tqdm(lines, total=len(missing), unit="run", file=sys.stderr):
            print(line, flush=True)
            if not finished:
                diverged.append(line)
    if diverged:
        sys.exit("\n".join(("Diverged:", *diverged)))


def _attempt(train: Train, path: Path, job: Any) -> tuple[bool, str]:
    """Run a job, and return whether it has a record, and what to print."""
    name = " ".join(map(str, job))
    try:
        record = run(train, job, path)
    except FloatingPointError as error:
        return False, f"{name}: {error}"
    return True, f"{name}: {record['metric']} {record['test']:.3f}"


def read(path: Path, job: type[Job]) -> dict[Job, Record]:
    """Return the records of a file; of several for one job, the latest.

    A last line that was torn when its writer was killed is left out.

    Args:
        job: The class of the jobs, a NamedTuple.

    Raises:
        ValueError: If another line is no record.
    """
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    fields: Any = job
    records = {}
    for number, line in enumerate(lines, start=1):
        if not line.endswith("\n"):
            break
        try:
            record = json.loads(line)
            records[fields(*(record[name] for name in fields._fields))] = record
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
