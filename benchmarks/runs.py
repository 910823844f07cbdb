"""Train models in parallel and keep the results, from which the tables of the docs are made."""

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
from occam.core.statistics import standard_error

EDGES = np.logspace(-6, 0.5, 66)  # histogram bins of |weight| in the kernels


@dataclass(frozen=True)
class Job:
    """One training run, without early stopping, which would be regularization, too.

    Args:
        name: Name of the file that keeps the result, without suffix.
        model: Name of the model.
        data: Name of the dataset.
        regularization: Regularization of the model.
        epochs: Number of epochs.
        seed: Seed of the weights, of random operations and of the order of samples.
        options: Options of the architecture.
        learning_rate: Peak learning rate.
        image_size: Height and width in pixels to which images are resized.
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
    """Return the result of each job. Results that are already in `directory` are read from it."""
    missing = [(job, directory) for job in jobs if _read(job, directory) is None]
    if missing:
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, single_thread) as pool:
            list(tqdm(pool.imap_unordered(_run, missing), total=len(missing), unit="run"))
    return {job: _read(job, directory) or {} for job in jobs}


def _read(job: Job, directory: Path) -> dict[str, Any] | None:
    """Return the stored result of exactly this job, or None."""
    path = _path(job, directory)
    result = json.loads(path.read_text()) if path.exists() else {}
    return result if result.get("job") == repr(job) else None


def _path(job: Job, directory: Path) -> Path:
    return directory / f"{job.name}.json"


def single_thread() -> None:
    """Let TensorFlow use one thread.

    Steps of these models are too small to split: one thread per run is twice as fast on 2 cores.
    """
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
    """Format mean ± standard error with three decimals."""
    return f"{mean(values):{sign}.3f} ± {standard_error(values):.3f}"
