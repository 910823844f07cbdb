"""`tune`: KerasTuner chooses the penalties, on the validation data loss."""

import numbers
import os
from collections.abc import Sequence
from typing import Any

import keras
from tqdm import tqdm

from ..core.checks import check_path, check_type
from ..zoo import Data, Regularization, create_model
from ..zoo.models import get_architecture, resolve
from ..zoo.training.samples import check_samples
from ..zoo.training.work_directory import WorkDirectory
from .candidate import CandidateRunner
from .hparams import log_experiment
from .space import check_space
from .tuner import search_candidates
from .tuning import Tuning

__all__ = ["tune"]


def tune(
    model_name: str,
    data: Data,
    *,
    space: Sequence[str] = ("l2", "dropout", "noise", "label_smoothing"),
    max_trials: int = 20,
    directory: str | os.PathLike[str],
    base: Regularization | str | None = None,
    seeds: int = 2,
    epochs: int = 50,
    learning_rate: float = 5e-3,
    seed: int = 0,
    resume: bool = True,
    verbose: int = 1,
    **options: Any,
) -> Tuning:
    """Searches fields of `Regularization` at random and picks by the one-standard-error rule.

    Each candidate is trained from scratch on the same seeds and judged by the smallest validation
    data loss of each run (the penalty is not in it; the test part is not looked at). The first
    candidates are the model's tiers, beginning with none, as far as they differ in the searched
    fields. A search that is killed and called again goes on with
    the first run that is not finished.

    Args:
        model_name: one of `zoo.list_models()`.
        data: from `zoo.load_data`.
        space: names of the fields to search, each either off or in its search range (see
            `Regularization.strengths`).
        max_trials: number of candidates.
        directory: of the search, made if it is missing: a directory a trial, and in it one a seed
            with TensorBoard logs; point TensorBoard at `directory` for the HParams dashboard.
        base: the fields that are not searched; a `Regularization`, a tier's name, or `None`: off.
        seeds: number of runs a candidate.
        epochs: the greatest number of epochs of a run. Take that of the final training: the
            longer it is, the more regularization is best. A run stops early after a fifth of them
            (but no less than 10) without a smaller validation data loss.
        learning_rate: its peak.
        seed: of the search, and the first of the runs' seeds.
        resume: `False` deletes a search that is in `directory`.
        verbose: 0 is silent, 1 shows a progress bar over the runs.
        **options: the architecture's own.

    Returns:
        A `Tuning`: `.regularization` is the choice, `.candidates` and `.table()` are all trials.

    Raises:
        TypeError: an argument is of the wrong type.
        ValueError: an unknown model, tier or field, a number out of range, or a directory that
            holds something else or a search with other arguments.

    Example:

    >>> import tempfile
    >>> from occam import tuning, zoo
    >>> data = zoo.load_data("digits")
    >>> directory = tempfile.mkdtemp()
    >>> found = tuning.tune(
    ...     "mlp", data, space=["l2"], max_trials=1, directory=directory, epochs=2, verbose=0
    ... )
    >>> found.regularization
    Regularization()

    Reference: Breiman et al., Classification and Regression Trees, 1984, section 3.4.3 (the rule);
    Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, 2012,
    https://jmlr.org/papers/v13/bergstra12a.html
    """
    architecture = get_architecture(model_name, argument="model_name")
    check_type("data", data, Data, Data.EXPECTED)
    check_type("space", space, Sequence, "a list of fields of the regularization")
    check_path("directory", directory)
    check_type("resume", resume, bool, "True or False")
    space = check_space(space, architecture.able)
    base = resolve(base, model_name)
    search = {"space": list(space), "max_trials": max_trials, "seeds": seeds, "epochs": epochs}
    _check_positive(max_trials=max_trials, seeds=seeds, epochs=epochs, learning_rate=learning_rate)
    architecture.check(base)
    strengths = Regularization.strengths()
    check_samples(data, base.replace(**{name: strengths[name].weakest for name in space}))
    config = {
        "model": {"name": model_name, **options},
        "data": data.to_dict(),
        "base": base.to_dict(),
        "search": {**search, "learning_rate": learning_rate, "seed": seed},
    }

    def build(regularization: Regularization, run_seed: int) -> keras.Model:
        return create_model(
            model_name,
            input_shape=data.input_shape,
            num_classes=data.num_classes,
            regularization=regularization,
            seed=run_seed,
            **options,
        )

    build(base, seed)  # says what is wrong with the data's shape or the options
    files = WorkDirectory(
        directory,
        job="search",
        arguments=("model", "data", "base", "search"),
        contents=("trial-*", ".keras_tuner", "events.out.tfevents.*"),
    )
    files.open(config, resume=resume)
    if not any(files.path.glob("events.out.tfevents.*")):
        log_experiment(directory, space)
    with tqdm(total=max_trials * seeds, unit="run", disable=not verbose) as bar:
        runner = CandidateRunner(
            build=build,
            data=data,
            space=space,
            files=files,
            seeds=tuple(range(seed, seed + seeds)),
            epochs=epochs,
            learning_rate=learning_rate,
            on_run=bar.update,
        )
        candidates = search_candidates(
            runner,
            space=space,
            base=base,
            known=list(architecture.presets.values()),
            max_trials=max_trials,
            seed=seed,
            directory=files.path,
        )
    return Tuning(candidates, space, files.path)


def _check_positive(**counts: Any) -> None:
    for name, value in counts.items():
        kind = numbers.Real if name == "learning_rate" else numbers.Integral
        if not isinstance(value, kind) or not value > 0:
            what = "a number" if kind is numbers.Real else "an integer"
            raise ValueError(f"{name} must be {what} greater than 0. Received: {name}={value!r}")
