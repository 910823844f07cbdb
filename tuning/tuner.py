"""`Tuner`: a `keras_tuner.Tuner` that compares fairly and loses nothing."""

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import NoneType
from typing import Any

import keras
import keras_tuner
import pandas
from keras_tuner.src.engine import tuner_utils  # of KerasTuner 1.4.8; none of it is public
from keras_tuner.src.engine.objective import DefaultObjective
from keras_tuner.src.engine.trial import Trial

from ..callbacks import LossLedger
from ..callbacks.state_file import StateFile
from ..core.checks import check_integer, check_type, message
from ..core.statistics import standard_error
from ..zoo.training.work_directory import differences, write_json
from .dashboard import Dashboard, boards_of, row_of, run_of
from .execution import Execution, describe, has_fit, new_session
from .oracle import OF_THE_LEDGER, DefaultsFirst, GoOn, directions_of, objective_of, restore_grid

_OF_THE_ORACLE = (
    *("hyperparameters", "tune_new_entries", "allow_new_entries"),
    *("max_retries_per_trial", "max_consecutive_failed_trials"),
)


class Tuner(keras_tuner.Tuner):
    """Search the hyperparameters of any model, as the tuners of KerasTuner do.

    A script for KerasTuner changes in one line, for example from
    `keras_tuner.RandomSearch(build, objective="val_loss", max_trials=40)` to
    `tuning.Tuner(build, max_trials=40)`. All methods stay the same: `search`, `results_summary`,
    `get_best_hyperparameters`, `get_best_models`, ... The differences are:

    - The objective is the *data loss* of the validation data by default, logged by a `LossLedger`.
      The smallest `val_loss` prefers a small penalty, as it contains the penalty.
    - The default values are the first trial.
    - Execution `k` of every trial has the seed `seed + k`, for the initial weights, the order of
      samples and dropout. So the executions of two trials can be compared in pairs.
    - The history of every execution is kept: see `executions`.
    - A trial whose objective or loss is not finite in any epoch fails, with its reason. Any other
      error ends the search, with its own traceback.
    - The search can be killed at any moment. The same script resumes it, and repeats only the
      execution that was interrupted. A project with another objective, search space or seed, or
      other arguments of `fit`, is refused; of a dataset, only shapes and types are compared.
    - Callbacks that cannot be copied are passed to each execution as they are. Keras' own begin
      anew in `on_train_begin`.
    - A callback of `TensorBoard`, or of any subclass, logs each execution into a directory of its
      own. The HParams dashboard of its `log_dir` shows all trials, also those for which a
      conditional hyperparameter is inactive.
    - With the oracle of Hyperband, a promoted trial goes on with the state of its optimizer.

    Args:
        hypermodel: A `keras_tuner.HyperModel`, or a function from hyperparameters to a compiled
            Keras model.
        objective: The name of a value in the history, or any objective of KerasTuner. By default,
            `"val_data_loss"`, or the objective of `oracle`.
        max_trials: The number of trials. By default 10, or that of `oracle`. With a larger number,
            a finished search goes on.
        oracle: A `keras_tuner.Oracle`. By default, the values are random.
        executions_per_trial: The number of trainings of each trial, whose mean is its score.
        seed: The seed of the default oracle, and of the first execution of every trial. A given
            `oracle` keeps its own.
        **kwargs: The other arguments of `keras_tuner.RandomSearch`, such as `directory`,
            `project_name` and `overwrite`.

    Raises:
        ValueError: If an argument is out of range, or the project holds another search.

    Example:

    >>> import numpy as np, tempfile
    >>> def build(hp):
    ...     l2 = keras.regularizers.L2(hp.Float("l2", 1e-5, 1e-1, sampling="log"))
    ...     model = keras.Sequential([keras.layers.Dense(1, kernel_regularizer=l2)])
    ...     model.compile("sgd", "mse")
    ...     return model
    >>> tuner = Tuner(build, max_trials=2, directory=tempfile.mkdtemp())
    >>> x, y = np.ones((8, 2)), np.ones((8, 1))
    >>> tuner.search(x, y, validation_data=(x, y), epochs=2, verbose=0)
    >>> tuner.get_best_hyperparameters()[0].get("l2") >= 1e-5
    True

    Reference: O'Malley et al., KerasTuner, 2019, https://github.com/keras-team/keras-tuner
    """

    _restart = "overwrite=True"  # how a user begins anew

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = None,
        *,
        oracle: keras_tuner.Oracle | None = None,
        executions_per_trial: int = 1,
        seed: int = 0,
        **kwargs: Any,
    ):
        check_integer("max_trials", max_trials, minimum=1, optional=True)
        check_integer("executions_per_trial", executions_per_trial, minimum=1)
        check_integer("seed", seed, minimum=0)
        expected = "a keras_tuner.Oracle or None"
        check_type("oracle", oracle, (keras_tuner.Oracle, NoneType), expected)
        if isinstance(hypermodel, keras.Model):
            expected = "a function build(hp) or a HyperModel; tuning.tune takes a Keras model"
            raise TypeError(message("hypermodel", hypermodel, expected))
        of_oracle = {name: kwargs.pop(name) for name in _OF_THE_ORACLE if name in kwargs}
        if oracle is None:
            trials = max_trials or 10
            of_oracle.setdefault("max_consecutive_failed_trials", trials + 1)  # no limit
            objective = objective_of(objective or "val_data_loss")
            oracle = DefaultsFirst(objective=objective, max_trials=trials, seed=seed, **of_oracle)
        elif given := [*of_oracle, *["objective"] * (objective is not None)]:
            raise ValueError(f"`{given[0]}` must be an argument of `oracle`, if one is given.")
        else:
            oracle.max_trials = max_trials or oracle.max_trials
            if isinstance(oracle.objective, DefaultObjective) and self._fits_by_keras(hypermodel):
                oracle.objective = objective_of("val_data_loss")
        self.executions_per_trial = executions_per_trial
        self.seed = self._execution_seed = seed
        self._space: dict[str, Any] | None = None
        self._fit: dict[str, Any] | None = None
        self._dashboards: list[Dashboard] = []
        # KerasTuner's own files can be torn by a kill; `save` replaces one file as a whole.
        oracle.save = self.save
        oracle._save_trial = lambda trial: None
        super().__init__(oracle, hypermodel, executions_per_trial=executions_per_trial, **kwargs)
        if oracle is not self.oracle:
            raise ValueError(
                "Tuner does not support the chief and the workers of KerasTuner. Unset the "
                "environment variable KERASTUNER_ORACLE_IP."
            )
        theirs = Path(self.project_dir) / "oracle.json"
        if theirs.exists():
            raise ValueError(
                f"{self.project_dir} holds a project of another tuner. Choose another `directory` "
                "or `project_name`, or pass overwrite=True to delete it."
            )

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run trials until there are `max_trials`.

        Args:
            *fit_args, **fit_kwargs: The arguments of `Model.fit`, or of `HyperModel.fit`.

        Raises:
            ValueError: If the objective needs validation data and there is none, or the project has
                trials with other arguments.
        """
        objective, arguments = self.oracle.objective.name, self._bound(fit_args, fit_kwargs)
        callbacks = arguments.pop("callbacks", None) or []
        expected = "a list of keras.callbacks.Callback, or None"
        check_type("callbacks", callbacks, (list, tuple), expected)
        validated = any(
            arguments.get(n) is not None for n in ("validation_data", "validation_split")
        )
        if self._fits_by_keras(self.hypermodel) and objective.startswith("val_") and not validated:
            raise ValueError(
                f"The objective {objective!r} needs `validation_data` or `validation_split`."
            )
        fit = describe({n: value for n, value in arguments.items() if n != "verbose"})
        if self.oracle.trials and self._fit is not None:
            self._check_same(self._fit, fit)
        self._fit = fit
        boards = boards_of(callbacks)
        self._dashboards = [Dashboard(Path(board.log_dir), objective) for board in boards]
        for dashboard in self._dashboards:  # of an earlier process
            for trial_id in self.oracle.start_order:
                trial = self.oracle.get_trial(trial_id)
                for number, execution in enumerate(self.executions(trial_id)):
                    dashboard.add(row_of(trial, number, execution), trial.hyperparameters)
        self._run_trials(*fit_args, **fit_kwargs)

    def _run_trials(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        super().search(*fit_args, **fit_kwargs)

    def _fits_by_keras(self, hypermodel: Any) -> bool:
        """Return whether the arguments of `search` are those of `Model.fit`."""
        own_fit = isinstance(hypermodel, keras_tuner.HyperModel) and has_fit(hypermodel)
        return type(self).run_trial is Tuner.run_trial and not own_fit

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of `search` by name, those in order as `Model.fit` names them."""
        names = [f"argument {number}" for number in range(len(args))]
        if self._fits_by_keras(self.hypermodel):
            names = [*inspect.signature(keras.Model.fit).parameters][1:]
        return {**dict(zip(names, args, strict=False)), **kwargs}

    def executions(self, trial_id: str) -> list[Execution]:
        """Return the finished executions of a trial, in order."""
        found: list[Execution] = []
        while (file := self._file(trial_id, len(found), ".json")).exists():
            found.append(Execution(**json.loads(file.read_text())))
        return found

    def table(self) -> pandas.DataFrame:
        """Return a row for each trial, in the order in which they began.

        The columns are the status, the mean score and its standard error over the executions, the
        score of each execution, and the hyperparameters. Inactive ones are missing.
        """
        rows = {}
        names = [parameter.name for parameter in self.oracle.get_space().space]
        for trial_id in self.oracle.start_order:
            trial = self.oracle.get_trial(trial_id)
            scores = [each.score for each in self.executions(trial_id)]
            finished = [score for score in scores if score is not None]
            rows[trial_id] = {
                "status": trial.status,
                "score": trial.score,
                "score_error": standard_error(finished) if len(finished) > 1 else None,
                **{f"score_{number}": score for number, score in enumerate(scores)},
                **dict.fromkeys(names),
                **trial.hyperparameters.values,
            }
        return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("trial")

    def run_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> list[Any]:
        """Train each execution that has no record; return what all of them returned."""
        callbacks = kwargs.pop("callbacks", None) or []
        results = []
        for number in range(self.executions_per_trial):
            execution = self._execution(trial, number, callbacks, args, kwargs)
            if execution.error:
                raise keras_tuner.errors.FailedTrialError(execution.error)
            results.append(execution.result)
        return results

    def on_execution_end(self, trial: Trial, number: int, execution: Execution) -> None:
        """Called after each execution, also one that was read back; for subclasses."""

    def load_model(self, trial: Trial) -> keras.Model:
        """Return the model of the best execution of a trial, at its best epoch."""
        sign = -1 if self.oracle.objective.direction == "max" else 1
        executions = self.executions(trial.trial_id)
        scores = {
            n: sign * each.score for n, each in enumerate(executions) if each.score is not None
        }
        if not scores:
            raise ValueError(f"Trial {trial.trial_id} has no finished execution.")
        best = min(scores, key=lambda number: scores[number])
        self._execution_seed = executions[best].seed
        model = self._try_build(trial.hyperparameters)
        if not model.built:
            model.build_from_config(executions[best].build_config)
        if model.optimizer is not None:  # the file has its state, too
            model.optimizer.build(model.trainable_variables)
        model.load_weights(self._file(trial.trial_id, best, ".weights.h5"))
        return model

    # One execution

    def _execution(
        self,
        trial: Trial,
        number: int,
        callbacks: Sequence[keras.callbacks.Callback],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Execution:
        """Return the record of an execution; train if there is none."""
        file = self._file(trial.trial_id, number, ".json")
        if not file.exists():
            self._record(trial, number, self._execute(trial, number, callbacks, args, kwargs or {}))
        execution = Execution(**json.loads(file.read_text()))
        self.on_execution_end(trial, number, execution)
        return execution

    def _record(self, trial: Trial, number: int, execution: Execution) -> None:
        """Keep the record of an execution, after the hyperparameters that it declared."""
        self.save()
        write_json(self._file(trial.trial_id, number, ".json"), asdict(execution), default=float)
        for dashboard in self._dashboards:
            dashboard.add(row_of(trial, number, execution), trial.hyperparameters)

    def _execute(
        self,
        trial: Trial,
        number: int,
        callbacks: Sequence[keras.callbacks.Callback],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Execution:
        """Build and train a model of a trial."""
        seed = self._execution_seed = self.seed + number
        hp = trial.hyperparameters
        theirs = self._copies(trial, number, callbacks)
        if "tuner/epochs" in hp.values:  # a rung of Hyperband
            kwargs = {**kwargs, **{n: hp.values[f"tuner/{n}"] for n in ("epochs", "initial_epoch")}}
        first, last = self._callbacks(trial, number, theirs)

        def train() -> tuple[Any, Any]:
            model = self._try_build(hp)
            every = [*first, *theirs, *last]
            result = self.hypermodel.fit(hp, model, *args, callbacks=every, **kwargs)
            return result, model.get_build_config()

        return Execution.run(train, self.oracle.objective, seed)

    def _copies(
        self, trial: Trial, number: int, callbacks: Sequence[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """Return the callbacks of the user for an execution; each logs into its own directory."""
        copies = [_copy(callback) for callback in callbacks]
        for board in boards_of(copies):
            board.log_dir = str(Path(board.log_dir) / run_of(trial, number))
        return copies

    def _callbacks(
        self, trial: Trial, number: int, theirs: Sequence[keras.callbacks.Callback]
    ) -> tuple[list[Any], list[Any]]:
        """Return the callbacks that come before and after those of the user."""
        first, objective, values = [], self.oracle.objective, trial.hyperparameters.values
        of_ledger = any(name in OF_THE_LEDGER for name in directions_of(objective))
        if of_ledger and not any(isinstance(c, LossLedger) for c in theirs):
            first.append(LossLedger())
        if "tuner/epochs" in values:
            rungs = (values.get("tuner/trial_id"), trial.trial_id)
            before, after = (rung and self._file(rung, number, ".state.npz") for rung in rungs)
            first.append(GoOn(before and StateFile(before), StateFile(after)))
        weights = str(self._file(trial.trial_id, number, ".weights.h5"))
        best = tuner_utils.SaveBestEpoch(objective, weights)
        return first, [tuner_utils.TunerCallback(self, trial), best]

    def _try_build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Build a model with the weights of the seed of the execution, and seed its training."""
        new_session(self._execution_seed)
        model = self._build_hypermodel(hp)
        if not isinstance(model, keras.Model):
            raise TypeError(message("hypermodel", model, "a function that returns a keras.Model"))
        if self.max_model_size and model.built and model.count_params() > self.max_model_size:
            raise keras_tuner.errors.FailedTrialError(
                f"The model has {model.count_params():,} parameters, more than `max_model_size`, "
                f"{self.max_model_size:,}."
            )
        keras.utils.set_random_seed(self._execution_seed)
        return model

    def _try_run_and_update_trial(self, trial: Trial, *args: Any, **kwargs: Any) -> None:
        """Run a trial. KerasTuner would count any error as a bad trial, and go on."""
        try:
            self._run_and_update_trial(trial, *args, **kwargs)
            trial.status = "COMPLETED"
        except keras_tuner.errors.FailedTrialError as error:
            trial.status, trial.message = "FAILED", str(error)

    # The files of the search

    def _populate_initial_space(self) -> None:
        super()._populate_initial_space()
        self._space = self._parameters()

    def save(self) -> None:
        """Write the state of the search, entirely or not at all."""
        write_json(Path(self._get_tuner_fname()), self.get_state(), default=float)

    def get_state(self) -> dict[str, Any]:
        return {
            "search": self._identity(),
            "fit": self._fit,
            "oracle": self.oracle.get_state(),
            "trials": [trial.get_state() for trial in self.oracle.trials.values()],
        }

    def reload(self) -> None:
        """Read the state of the search, if it is one with the same arguments.

        Raises:
            ValueError: If the project has a search with another objective, space or seed.
        """
        if self._space is None:
            self._populate_initial_space()
        state = json.loads(Path(self._get_tuner_fname()).read_text())
        self._check_same(state["search"], self._identity())
        self.set_state(state)

    def set_state(self, state: dict[str, Any]) -> None:
        self._fit = state["fit"]
        oracle: Any = self.oracle
        oracle.trials = {each["trial_id"]: Trial.from_state(each) for each in state["trials"]}
        oracle.set_state(state["oracle"])
        for trial in oracle.ongoing_trials.values():  # was interrupted, unless it has just ended
            if trial.status == "RUNNING":
                oracle._retry_queue.append(trial.trial_id)
        oracle.ongoing_trials = {}
        if isinstance(oracle, keras_tuner.oracles.GridSearchOracle):
            restore_grid(oracle)

    def _identity(self) -> dict[str, Any]:
        """Return what must be the same to go on with a search."""
        directions = directions_of(self.oracle.objective)
        return {
            "objective": ", ".join(f"{direction} {name}" for name, direction in directions.items()),
            "oracle": type(self.oracle).__name__,
            "executions_per_trial": self.executions_per_trial,
            "seed": self.seed,
            **getattr(self.oracle, "identity", {}),
            "hyperparameter": self._space,
        }

    def _parameters(self) -> dict[str, Any]:
        """Return the configuration of each hyperparameter by name and conditions."""
        found = {}
        for parameter in self.oracle.hyperparameters.space:
            config = parameter.get_config()
            on = [f"{c.name} in {c.values}" for c in parameter.conditions]
            name = f"{parameter.name} if {' and '.join(on)}" if on else parameter.name
            values = {n: v for n, v in config.items() if n not in ("name", "conditions")}
            found[name] = {"type": type(parameter).__name__, **values}
        return found

    def _check_same(self, theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> None:
        """Raise an error that names the arguments in which two searches differ."""
        ours = json.loads(json.dumps(ours))
        names = {**theirs, **ours}
        lines = [line for n in names for line in differences(n, theirs.get(n), ours.get(n))]
        if lines:
            raise ValueError(
                f"{self.project_dir} holds a search with other arguments ({'; '.join(lines)}). "
                "Choose another `directory` or `project_name`, or pass "
                f"{self._restart} to delete it."
            )

    def _get_tuner_fname(self) -> str:
        return str(Path(self.project_dir) / "search.json")

    def _file(self, trial_id: str, number: int, suffix: str) -> Path:
        """Return the path of a file of an execution."""
        return Path(self.get_trial_dir(trial_id)) / f"execution-{number}{suffix}"


def _copy(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    """Return a copy of a callback, or the callback itself if it cannot be copied."""
    try:
        return copy.deepcopy(callback)
    except Exception:  # callbacks of users may raise anything
        return callback
