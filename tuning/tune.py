"""`tune`: search the regularization of a model."""

import os
from collections.abc import Sequence
from typing import Any

import keras
from tqdm import tqdm

from ..core.checks import check_bool, check_integer, check_number, check_path, check_type, message
from ..zoo import Data, Regularization, create_model
from ..zoo.models import Setting, get_architecture, resolve
from ..zoo.tasks import Regression
from ..zoo.training.train_transform import check_train_transform
from ..zoo.training.work_directory import WorkDirectory
from .choice import Tuning
from .search import CandidateRunner, log_experiment, metric_of, search_candidates
from .space import check_space

SPACE = ("l2", "dropout", "noise", "label_smoothing")


def tune(
    model_name: str,
    data: Data,
    *,
    space: Sequence[str] | None = None,
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
    """Search fields of `Regularization` at random and choose by the one-standard-error rule.

    Each candidate is trained from scratch on the same seeds, and judged by the objective
    (`tuning.choice.OBJECTIVE`): the smallest validation data loss of each run, without the penalty.
    The test part is not used. The first candidates are the tiers of the model, beginning with
    `"none"`, if they differ in the fields of the search. A killed search resumes with the first
    unfinished run.

    Args:
        model_name: One of `zoo.list_models()`.
        data: The data, from `zoo.load_data`.
        space: The fields to search, by default `l2`, `dropout`, `noise` and, unless the task is
            regression, `label_smoothing`; each is off or in the range of `Regularization.fields`.
        max_trials: The number of candidates.
        directory: The directory of the search. It has a directory per trial, and in it one per
            seed, with TensorBoard logs; the HParams dashboard of `directory` shows all trials.
        base: All other fields: a `Regularization`, the name of a tier, or `None` for all off.
        seeds: The number of runs per candidate.
        epochs: The maximum number of epochs of a run. Use the number of the final training: longer
            training needs more regularization. A run stops after a fifth of them (at least 10)
            without improvement.
        learning_rate: The peak of the learning rate.
        seed: The seed of the search, and the first seed of the runs.
        resume: Whether to resume the search in `directory`. `False` deletes it.
        verbose: 0 is silent, 1 shows a progress bar over the runs.
        **options: The options of the architecture.

    Returns:
        A `Tuning`: `.regularization` is the choice, `.candidates` and `.table()` are all trials.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model, tier or field is unknown, a number is out of range, or `directory`
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
    if data.cv:
        expected = "data with a validation part; load it without validation='cv:...'"
        raise ValueError(message("data", data.cv, expected))
    if space is None:
        space = SPACE[:-1] if isinstance(data.task, Regression) else SPACE
    check_type("space", space, Sequence, "a list of fields of the regularization")
    check_path("directory", directory)
    check_bool("resume", resume)
    space = check_space(space, architecture.supported)
    setting = Setting.of(data)
    base = resolve(base, model_name, setting, argument="base")
    for name, count in (("max_trials", max_trials), ("seeds", seeds), ("epochs", epochs)):
        check_integer(name, count, minimum=1)
    check_number("learning_rate", learning_rate, "(0, inf)")
    check_integer("seed", seed, minimum=0)
    architecture.check(base)
    weakest = {name: Regularization.fields()[name].weakest for name in space}
    check_train_transform(data, base.replace(**weakest))
    config = {
        "model": {"name": model_name, **options},
        "data": data.to_dict(),
        "base": base.to_dict(),
        "search": {
            "space": list(space),
            "max_trials": max_trials,
            "seeds": seeds,
            "epochs": epochs,
            "learning_rate": learning_rate,
            "seed": seed,
        },
    }

    def build(regularization: Regularization, run_seed: int) -> keras.Model:
        return create_model(
            model_name,
            data=data,
            regularization=regularization,
            seed=run_seed,
            **options,
        )

    build(base, seed)  # checks the shape of the data and the options
    files = WorkDirectory(
        directory,
        job="search",
        arguments=("model", "data", "base", "search"),
        contents=("trial-*", ".keras_tuner", "events.out.tfevents.*"),
    )
    files.open(config, resume=resume)
    if not any(files.path.glob("events.out.tfevents.*")):
        log_experiment(files.path, space, metric_of(data))
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
            known=list(architecture.presets_for(setting).values()),
            max_trials=max_trials,
            seed=seed,
            directory=files.path,
        )
    return Tuning(candidates, space, files.path, metric_of(data))
