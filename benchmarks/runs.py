"""Trainings whose results are kept: what the tables of the documentation are made of."""

import json
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from occam import zoo
from occam.tuning.choice import standard_error

__all__ = ["EDGES", "Job", "figure", "run_all"]

EDGES = np.logspace(-6, 0.5, 66)  # of the histogram of the magnitudes of the kernels' weights


@dataclass(frozen=True)
class Job:
    """One training, without early stopping, which is regularization, too.

    Args:
        name: of the file that keeps its result, without the ending.
        model: its name.
        data: of the data set.
        regularization: what it is trained with.
        epochs: how long.
        seed: of weights, draws and order.
        options: the architecture's own.
        learning_rate: its peak.
        image_size: pixels to which images are resized.
    """

    name: str
    model: str
    data: str
    regularization: zoo.Regularization
    epochs: int
    seed: int
    options: dict[str, Any] = field(default_factory=dict, hash=False)
    learning_rate: float = 5e-3
    image_size: tuple[int, int] | None = None


def run_all(jobs: Sequence[Job], directory: Path, workers: int) -> dict[Job, dict[str, Any]]:
    """The result of each job; one that is in `directory` already is read, not run again."""
    missing = [(job, directory) for job in jobs if _read(job, directory) is None]
    if missing:
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, _single_thread) as pool:
            list(tqdm(pool.imap_unordered(_run, missing), total=len(missing), unit="run"))
    return {job: _read(job, directory) or {} for job in jobs}


def _read(job: Job, directory: Path) -> dict[str, Any] | None:
    """The result of a job, if there is one and it is of just this job."""
    path = _path(job, directory)
    result = json.loads(path.read_text()) if path.exists() else {}
    return result if result.get("job") == repr(job) else None


def _path(job: Job, directory: Path) -> Path:
    return directory / f"{job.name}.json"


def _single_thread() -> None:
    # These models are too small to share a step: a thread a run is twice as fast on two cores.
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _run(job_and_directory: tuple[Job, Path]) -> None:
    job, directory = job_and_directory
    result = {"job": repr(job), **_train(job)}
    path = _path(job, directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result))
    temporary.replace(path)


def _train(job: Job) -> dict[str, Any]:
    keras.backend.clear_session()
    data = zoo.load_data(job.data, image_size=job.image_size)
    model = zoo.create_model(
        job.model,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=job.regularization,
        seed=job.seed,
        **job.options,
    )
    run = zoo.train(
        model,
        data,
        epochs=job.epochs,
        learning_rate=job.learning_rate,
        patience=None,
        seed=job.seed,
        verbose=0,
    )
    kernels = [np.asarray(v) for v in model.trainable_weights if v.path.endswith("kernel")]
    magnitudes = np.abs(np.concatenate([kernel.ravel() for kernel in kernels]))
    accuracies = {part: run.result[part]["accuracy"] for part in ("train", "validation", "test")}
    return {
        **accuracies,
        "seconds": run.result["seconds"],
        "histogram": np.histogram(np.clip(magnitudes, EDGES[0], EDGES[-1]), EDGES)[0].tolist(),
    }


def figure(values: Sequence[float], sign: str = "") -> str:
    """Mean ± standard error, with three decimals."""
    return f"{mean(values):{sign}.3f} ± {standard_error(values):.3f}"
