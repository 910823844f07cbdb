"""`tune`: search the regularization of a model."""

import os
import zlib
from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

import keras
import keras_tuner
import sqlalchemy
from sqlalchemy.exc import ArgumentError
from tqdm import tqdm

from ..core.checks import check_bool, check_integer, check_number, check_path, check_type, message
from ..zoo import Regularization
from ..zoo.training.prepare import LEARNING_RATE
from ..zoo.training.train_transform import check_train_transform
from ..zoo.training.work_directory import WorkDirectory
from .choice import Tuning
from .optuna_oracle import OptunaOracle, check_sampler, delete_study
from .oracle import OBJECTIVE
from .refit import Training
from .search import PenalizedModel, PenaltyTuner, declare_rate
from .subject import subject_of


def tune(
    model: str | keras.Model | keras_tuner.HyperModel | Callable[..., keras.Model],
    data: Any,
    *,
    validation_data: Any = None,
    space: Sequence[str] | None = None,
    max_trials: int = 28,
    finalists: int = 4,
    seeds: int = 3,
    directory: str | os.PathLike[str],
    base: Regularization | str | None = None,
    sampler: Any = "tpe",
    epochs: int = 50,
    learning_rate: float | tuple[float, float] | None = None,
    seed: int = 0,
    resume: bool = True,
    workers: int = 1,
    storage: str | None = None,
    prune: bool = True,
    verbose: int = 1,
    **options: Any,
) -> Tuning:
    """Search fields of `Regularization`, and choose by the one-standard-error rule.

    All candidates are trained on one seed: those of a Keras model from its weights, all others from
    new ones. The best of them, the finalists, are then trained on several other seeds, the same for
    all. (For a Keras model, these vary only the order of samples and the dropout.) Of these runs,
    the most regularized finalist within one standard error of the best is chosen. Each run is
    judged by the objective (`tuning.oracle.OBJECTIVE`): its smallest validation data loss, without
    the penalty. The test part is not used.

    The first candidates are the tiers of a model of the zoo, beginning with `"none"`, if they
    differ in the fields of the search; for another model, it is `base`. A killed search resumes
    with the first unfinished run.

    Args:
        model: One of `zoo.list_models()`. Or a Keras model, compiled or not: each candidate is a
            copy by `zoo.regularize`, with the same weights. Or a function `build(hp)` or
            `keras_tuner.HyperModel` that builds one: its hyperparameters are searched together with
            the penalties. A compiled model keeps its optimizer and loss.
        data: The data, from `zoo.load_data`, or what `fit` takes; see `zoo.train`.
        validation_data: The validation part in the same form, if `data` is not from
            `zoo.load_data`; by default, a tenth of arrays is held out. A dataset needs it.
        space: The fields to search, each off or in the range of `Regularization.fields`. By default
            `l2`, `dropout` and, for a model of the zoo, the fields of its tiers.
        max_trials: The number of candidates.
        finalists: The number of finalists.
        seeds: The number of runs of each finalist, after its first.
        directory: The directory of the search, with the runs of each trial. TensorBoard shows all
            trials of its `tensorboard` in the HParams dashboard.
        base: All other fields: a `Regularization`, the name of a tier, or `None` for all off.
        sampler: How `OptunaOracle` proposes the other candidates: "tpe", "cmaes", "qmc", "gp",
            "random", or a sampler of Optuna.
        epochs: The maximum number of epochs of a run. Use the number of the final training: longer
            training needs more regularization. A run stops after a fifth of them (at least 10)
            without improvement.
        learning_rate: The peak of the learning rate, 0.005 by default, or the ends of a range to
            search, on a logarithmic scale. `None` for a compiled model.
        seed: The seed of the search and of the first runs. The finalists have the next ones.
        resume: Whether to resume the search in `directory`. `False` deletes it.
        workers: The number of processes that run trainings side by side, each on an equal share of
            the processors. With several, the candidates are proposed in rounds of twice as many, so
            the search is the same whichever process is faster. A process that is killed loses only
            its training, which is begun anew. The model and the data must be in memory, and the
            classes of a user's layers registered with Keras. One GPU does not train faster.
        storage: The address of a database for the study of Optuna, such as
            `"postgresql+psycopg2://user@host/name"`. The study is named after the directory. By
            default it is a file in the directory.
        prune: Whether to stop candidates whose best objective so far is worse than the median of
            all finished candidates at the same epoch, after three tenths of the epochs but not
            before the fifth, once four candidates have finished.
        verbose: 0 is silent, 1 shows a progress bar over the runs.
        **options: The options of a model of the zoo, such as `units`.

    Returns:
        A `Tuning`: `.regularization` is the choice, also in `winner.json` of the directory, and
        `.table()` are all trials. `.refit()` trains the choice, and `.plot()` draws the search.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the model, tier or field is unknown, the model does not support a field, a
            number is out of range, or `directory` holds something else or a search with other
            arguments.

        RuntimeError: If worker processes are killed again and again.

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
    Maron & Moore, Hoeffding Races: Accelerating Model Selection Search, 1994 (racing).
    `python -m benchmarks.racing` compares ways to spend the same number of runs.
    """
    check_path("directory", directory)
    check_bool("resume", resume)
    check_bool("prune", prune)
    counts = {"max_trials": max_trials, "finalists": finalists, "seeds": seeds, "epochs": epochs}
    for name, count in {**counts, "workers": workers}.items():
        check_integer(name, count, minimum=1)
    finalists = min(finalists, max_trials)
    check_sampler(sampler)
    _check_storage(storage)
    learning_rate = _check_rate(learning_rate)
    check_integer("seed", seed, minimum=0)
    subject, data = subject_of(
        model, data, validation_data, space, base, learning_rate, options, seed=seed
    )
    if data.cv:
        expected = "data with a validation part; load it without validation='cv:...'"
        raise ValueError(message("data", data.cv, expected))
    check_train_transform(data, subject.weakest)
    hp = keras_tuner.HyperParameters()
    subject.make(hp, subject.space.around, seed)  # raises early
    if isinstance(learning_rate, tuple):
        declare_rate(hp, *learning_rate)
    rate = (
        tuple(learning_rate) if isinstance(learning_rate, list) else learning_rate or LEARNING_RATE
    )
    config = {
        "model": subject.record,
        "data": data.to_dict(),
        "base": subject.space.around.to_dict(),
        "search": {
            "space": list(subject.space.fields),
            **counts,
            "sampler": sampler if isinstance(sampler, str) else type(sampler).__name__,
            "learning_rate": rate,
            "prune": prune,
            "seed": seed,
        },
    }
    files = WorkDirectory(
        directory,
        job="search",
        arguments=("model", "data", "base", "search"),
        contents=(
            *("trial_*", "search.json", "optuna.db*", "tensorboard", "winner.json"),
            *("refit", "refit.json", "pictures"),
        ),
    )
    files.open(config, resume=resume)
    # In one database, searches in directories of the same name are several studies.
    where = zlib.crc32(str(files.path.resolve()).encode())
    study_name = None if storage is None else f"{files.path.name}-{where:08x}"
    if storage is not None and not resume:
        delete_study(storage, study_name)
    oracle = OptunaOracle(
        OBJECTIVE,
        max_trials,
        sampler=sampler,
        known=subject.known,
        storage=storage,
        study_name=study_name,
        seed=seed,
    )
    metric = f"val_{data.task.metric}"
    with tqdm(total=max_trials + finalists * seeds, unit="run", disable=not verbose) as bar:
        tuner = PenaltyTuner(
            PenalizedModel(subject.make, subject.space, data, epochs=epochs, learning_rate=rate),
            oracle,
            seed=seed,
            directory=files.path,
            on_execution=bar.update,
            workers=workers,
            prune=prune,
        )
        board = keras.callbacks.TensorBoard(files.path / "tensorboard", write_graph=False)
        tuner.race(finalists, seeds, [board])
    runs = (run for trial in tuner.oracle.start_order for run in tuner.executions(trial))
    if not all(metric in run.metrics for run in runs if run.score is not None):
        metric = OBJECTIVE.name  # a compiled model may have other metrics, or none
    candidates = tuner.candidates(finalists, metric)
    training = Training(subject.make, data, epochs, rate, seed, subject.record)
    found = Tuning(candidates, subject.space.fields, files.path, metric, training)
    files.write_json(files.path / "winner.json", found.winner)
    return found


def _check_rate(learning_rate: Any) -> Any:
    """Return a positive number, a range as a tuple, or `None`; raise an error otherwise."""
    if not isinstance(learning_rate, tuple | list):
        check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
        return learning_rate
    for end in learning_rate:
        check_number("learning_rate", end, "(0, inf)")
    if len(learning_rate) != 2 or learning_rate[0] >= learning_rate[1]:
        expected = "a number, a tuple of the smaller and the larger end of a range, or None"
        raise ValueError(message("learning_rate", learning_rate, expected))
    return tuple(learning_rate)


def _check_storage(storage: str | None) -> None:
    """Raise an error unless `storage` is the address of a database or `None`."""
    expected = "the address of a database, such as 'sqlite:///search.db', or None"
    check_type("storage", storage, (str, NoneType), expected)
    try:
        sqlalchemy.make_url(storage or "sqlite://")
    except ArgumentError as error:
        raise ValueError(message("storage", storage, expected)) from error
