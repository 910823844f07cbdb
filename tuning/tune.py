"""`tune`: search the regularization of a model."""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any

import keras
import keras_tuner
from tqdm import tqdm

from ..core.checks import check_bool, check_integer, check_number, check_path, check_type, message
from ..zoo import Data, Regularization
from ..zoo.data.folds import parse_folds
from ..zoo.data.split import DatasetSplit
from ..zoo.tasks import Classification
from ..zoo.training.budget import Budget
from ..zoo.training.prepare import LEARNING_RATE
from ..zoo.training.refined_loss import VAL_REFINED_LOSS
from ..zoo.training.train_transform import check_train_transform
from ..zoo.training.work_directory import WorkDirectory
from .argument_space import ArgumentSpace
from .choice import Tuning
from .optuna_oracle import OptunaOracle, delete_study
from .refit import Training
from .search import PenalizedModel, PenaltyTuner
from .settings import Racing, Resources
from .shared_jobs import SharedJobs
from .subject import Subject, subject_of


def tune(
    model: str | keras.Model | keras_tuner.HyperModel | Callable[..., keras.Model],
    data: Any,
    *,
    validation_data: Any = None,
    folds: int | str | None = None,
    space: Sequence[str] | None = None,
    search: Mapping[str, Any] | None = None,
    base: Regularization | str | None = None,
    max_trials: int = 28,
    racing: Racing | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    directory: str | os.PathLike[str],
    resume: bool = True,
    resources: Resources | None = None,
    verbose: int = 1,
    **options: Any,
) -> Tuning:
    """Search fields of `Regularization`, and choose by the one-standard-error rule.

    All candidates are trained on one seed: those of a Keras model from its weights, all others from
    new ones. The best of them, the finalists, are then trained on several other seeds, the same for
    all. (For a Keras model, these vary only the order of samples and the dropout.) Of these runs,
    the most regularized finalist within one standard error of the best is chosen. Each run is
    judged by its validation data loss, without the penalty; of classifiers, by that after
    temperature scaling, `val_refined_loss`. (Label smoothing and mixup leave a model too modest,
    which an export corrects. A model that a user compiled may output anything, and is judged by
    its own loss.) That is the smallest of all epochs, or the last one where `zoo.train` would not
    stop early on `data`, as with fewer than 40 validation samples. The test part is not used.

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
        folds: "5" or 5 for 5 folds, "5x2" for 2 repeats, for data with few rows: each candidate is
            judged by (stratified) cross-validation of the rows of the training and validation part,
            with the same folds for all. One seed is then a training on each fold, and a standard
            error is over folds and seeds. By default those of
            `zoo.load_data(..., validation="cv:5x2")`, if it has any.
        space: The fields to search, each off or in the range of `Regularization.fields`. By default
            `l2`, `dropout` and, for a model of the zoo, the fields of its tiers.
        search: Other arguments to search, by name: `learning_rate`, `batch_size`, `epochs` and the
            options of a model of the zoo, such as `units` or `width`. A list has the choices, a
            tuple the smaller and the larger end of a range on a logarithmic scale:
            `{"batch_size": [16, 32, 64], "learning_rate": (1e-4, 1e-2)}`. The first candidates have
            the value that the argument has otherwise, if that is in the search.
        base: All other fields: a `Regularization`, the name of a tier, or `None` for all off.
        max_trials: The number of candidates. With a larger number, a finished search goes on.
        racing: How the candidates are proposed, and how many finalists run on how many seeds: a
            `tuning.Racing`, by default 4 finalists on 3 more seeds.
        epochs: The maximum number of epochs of a run, each a pass over the training part. Use the
            number of the final training: longer training needs more regularization. By default, a
            run is as long as that of `zoo.train`, in epochs of at least 30 steps. It stops after a
            fifth of its epochs (at least 10) without improvement, if it is not judged at its end.
        learning_rate: The peak of the learning rate, 0.005 by default. `None` for a compiled model.
        seed: The seed of the search and of the first runs. The finalists have the next ones.
        directory: The directory of the search, with the runs of each trial. TensorBoard shows all
            trials of its `tensorboard` in the HParams dashboard.
        resume: Whether to resume the search in `directory`. `False` deletes it.
        resources: The number of processes and the database of the search: a `tuning.Resources`, by
            default one process and a file in the directory.
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

    References:
        - Breiman et al., Classification and Regression Trees, 1984, section 3.4.3 (the rule)
        - Berta, Holzmueller, Jordan & Bach, Rethinking Early Stopping: Refine, Then Calibrate,
          2025, https://arxiv.org/abs/2501.19195 (the loss after temperature scaling)
    """
    check_path("directory", directory)
    check_bool("resume", resume)
    expected = "an occam.tuning.{} or None"
    check_type("racing", racing, (Racing, NoneType), expected.format("Racing"))
    check_type("resources", resources, (Resources, NoneType), expected.format("Resources"))
    racing, resources = racing or Racing(), resources or Resources()
    check_integer("max_trials", max_trials, minimum=1)
    check_integer("epochs", epochs, minimum=1, optional=True)
    check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
    check_integer("seed", seed, minimum=0)
    subject, data = subject_of(
        model, data, validation_data, space, base, learning_rate, options, seed=seed
    )
    divided = _folds(data, folds)
    rows = data.folds(*divided) if divided else [data]
    at_end = Budget.of(data, epochs=epochs).patience is None
    data = data.without_validation() if divided else data
    refined = isinstance(data.task, Classification) and not subject.compiled
    objective = keras_tuner.Objective(VAL_REFINED_LOSS if refined else "val_data_loss", "min")
    check_train_transform(data, subject.weakest)
    budget = Budget.of(data, epochs=epochs, patience=None)
    arguments = _argument_space(search, subject, data, budget.epochs, learning_rate, seed)
    config = {
        "model": subject.record,
        "data": data.to_dict(),
        "base": subject.space.around.to_dict(),
        "search": {
            "folds": divided,
            "space": list(subject.space.fields),
            **racing.to_dict(),
            "epochs": budget.epochs,
            "passes": budget.passes,
            "objective": objective.name,
            "at_end": at_end,
            "learning_rate": learning_rate,
            "arguments": arguments.to_dict(),
            "seed": seed,
        },
    }
    files = WorkDirectory(
        directory,
        job="search",
        arguments=("model", "data", "base", "search"),
        contents=(
            *("trial_*", "search.json", "optuna.db*", "tensorboard", "winner.json"),
            *("refit", "refit.json", "pictures", "machine.json"),
        ),
    )
    files.open(config, resume=resume)
    finalists = min(racing.finalists, max_trials)
    storage, shared, name = resources.storage, None, None
    if storage is not None:
        name = _name(config)
        shared = SharedJobs(storage, name, _owner(files), resources.grace)
    oracle = OptunaOracle(
        objective,
        max_trials,
        sampler=racing.sampler,
        known=subject.known,
        storage=storage,
        study_name=name,
        seed=seed,
    )
    runs = len(rows) * (max_trials + finalists * racing.seeds)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=runs, unit="run", disable=not verbose))
        if shared is not None:
            stack.enter_context(shared)
            if not resume:
                shared.delete()
                delete_study(storage, name)
        hypermodel = PenalizedModel(
            *(subject.make, subject.space, arguments, data, budget.passes, rows),
            objective=objective,
            at_end=at_end,
        )
        tuner = PenaltyTuner(
            hypermodel,
            oracle,
            seed=seed,
            directory=files.path,
            on_execution=bar.update,
            resources=resources,
            prune=racing.prune,
            shared=shared,
        )
        if (before := len(oracle.trials)) > max_trials:
            expected = f"at least {before}, the candidates of the search in {files.path}"
            raise ValueError(message("max_trials", max_trials, expected))
        board = keras.callbacks.TensorBoard(files.path / "tensorboard", write_graph=False)
        tuner.race(finalists, racing.seeds, [board])
    metric = f"val_{data.task.metric}"
    records = (run for trial in oracle.start_order for run in tuner.executions(trial))
    if not all(metric in run.metrics for run in records if run.score is not None):
        metric = objective.name  # a compiled model may have other metrics, or none
    candidates = tuner.candidates(finalists, metric)
    training = Training(subject.make, data, arguments, budget.passes, seed, subject.record)
    found = Tuning(
        *(candidates, subject.space.fields, files.path, metric, objective.name, len(rows)),
        training=training,
    )
    files.write_json(files.path / "winner.json", found.winner)
    return found


def _folds(data: Data, folds: int | str | None) -> tuple[int, int] | None:
    """Return the number of folds and of repeats, or `None` if there is a validation part."""
    if isinstance(folds, int):
        check_integer("folds", folds, minimum=2)
    if folds is None and not data.cv:
        return None
    return parse_folds(data.cv if folds is None else str(folds))


def _argument_space(
    search: Any,
    subject: Subject,
    data: Data,
    epochs: int,
    learning_rate: float | None,
    seed: int,
) -> ArgumentSpace:
    """Return what is searched beside the penalties, after the model was built with each option."""
    hp = keras_tuner.HyperParameters()
    subject.make(hp, subject.space.around, seed)  # declares its hyperparameters
    training = {"epochs": epochs, "learning_rate": learning_rate or LEARNING_RATE}
    training["batch_size"] = data.batch_size
    fixed = {}
    if subject.compiled:
        fixed["learning_rate"] = "`model` is compiled with an optimizer of its own"
    if isinstance(data.raw_splits["train"], DatasetSplit):
        fixed["batch_size"] = "`data` is a dataset of batches, which have one size"
    arguments = ArgumentSpace(search, training, subject.options, fixed)
    arguments.training(hp)  # raises if `model` has a hyperparameter of the same name
    for name, value, each in arguments.samples():
        try:
            subject.make(each, subject.space.around, seed, **arguments.options(each))
        except (TypeError, ValueError) as error:
            argument, expected = f"search[{name!r}]", "values that the model takes"
            raise ValueError(f"{message(argument, value, expected)}. {error}") from error
    return arguments


def _name(config: Mapping[str, Any]) -> str:
    """Return a name that searches on several machines share if their arguments are the same.

    It leaves out what may differ between machines for the same data: directories, and the last
    digits of means.
    """
    data = {name: config["data"][name] for name in ("sizes", "input_shape", "task")}
    arguments = {n: v for n, v in config["data"]["arguments"].items() if n != "data_dir"}
    same = json.dumps({**config, "data": {**data, "arguments": arguments}}, sort_keys=True)
    return f"search-{hashlib.sha256(same.encode()).hexdigest()[:16]}"


def _owner(files: WorkDirectory) -> str:
    """Return the name of this machine in the search of a directory."""
    path = files.path / "machine.json"
    if not path.exists():
        files.write_json(path, {"name": uuid.uuid4().hex})
    return files.read_json(path)["name"]
