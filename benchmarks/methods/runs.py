"""The runs: mnist1d's `mlp` and `resnet1d` with one field of `Regularization` on, over seeds."""

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from occam import zoo
from occam.zoo.models import get_architecture

__all__ = ["EDGES", "EPOCHS", "Job", "jobs", "run_all", "value_of"]

EPOCHS = {"mlp": 60, "resnet1d": 20}
EDGES = np.logspace(-6, 0.5, 66)  # of the histogram of the magnitudes of the kernels' weights


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        model: its name.
        field: the field that is on, in the middle of its search range; `None` for none.
        seed: of weights, draws and order.
    """

    model: str
    field: str | None
    seed: int

    def path(self, directory: Path) -> Path:
        """Where its result is kept."""
        return directory / self.model / f"{self.field or 'none'}-{self.seed}.json"


def value_of(field: str) -> Any:
    """What a field is set to: the middle of its search range, on its scale."""
    return zoo.Regularization.strengths()[field].middle


def jobs(seeds: int) -> Iterator[Job]:
    """All trainings: for each model, without and with each field that it can honour."""
    for model in EPOCHS:
        for field in (None, *get_architecture(model).able):
            yield from (Job(model, field, seed) for seed in range(seeds))


def run_all(todo: Sequence[Job], directory: Path, workers: int) -> dict[Job, dict[str, Any]]:
    """The result of each job; one that is in `directory` already is read, not run again."""
    missing = [(job, directory) for job in todo if not job.path(directory).exists()]
    if missing:
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, _single_thread) as pool:
            list(tqdm(pool.imap_unordered(_run, missing), total=len(missing), unit="run"))
    return {job: json.loads(job.path(directory).read_text()) for job in todo}


def _single_thread() -> None:
    # These models are too small to share a step: a thread a run is twice as fast on two cores.
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _run(job_and_directory: tuple[Job, Path]) -> None:
    job, directory = job_and_directory
    result = _train(job)
    path = job.path(directory)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result))
    temporary.replace(path)


def _train(job: Job) -> dict[str, Any]:
    data = zoo.load_data("mnist1d")
    on = {job.field: value_of(job.field)} if job.field else {}
    model = zoo.create_model(
        job.model,
        input_shape=data.input_shape,
        num_classes=data.num_classes,
        regularization=zoo.Regularization(**on),
        seed=job.seed,
    )
    # Early stopping is regularization, too: without it, a method stands for itself.
    run = zoo.train(model, data, epochs=EPOCHS[job.model], patience=None, seed=job.seed, verbose=0)
    kernels = [np.asarray(v) for v in model.trainable_weights if v.path.endswith("kernel")]
    magnitudes = np.abs(np.concatenate([kernel.ravel() for kernel in kernels]))
    return {
        "train": run.result["train"]["accuracy"],
        "test": run.result["test"]["accuracy"],
        "seconds": run.result["seconds"],
        "histogram": np.histogram(np.clip(magnitudes, EDGES[0], EDGES[-1]), EDGES)[0].tolist(),
    }
