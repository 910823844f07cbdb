"""`OptunaOracle`: the samplers and the storage of Optuna for KerasTuner."""

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras_tuner
import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.trial import Trial, TrialState

from ..core.checks import check_integer, check_one_of, check_type
from .gaussian_process import GaussianProcessSampler
from .oracle import directions_of, is_tried, known_values, objective_of
from .shared_jobs import SharedJobs

SAMPLERS: Mapping[str, Any] = {
    "tpe": TPESampler,
    "cmaes": functools.partial(CmaEsSampler, warn_independent_sampling=False),
    "qmc": functools.partial(QMCSampler, warn_independent_sampling=False),
    "gp": GaussianProcessSampler,
    "random": RandomSampler,
}
_MAX_REPEATS = 20  # as in the oracles of KerasTuner


class OptunaOracle(keras_tuner.Oracle):
    """Propose the values of each trial by a sampler of Optuna.

    The trials are a study of Optuna: its dashboard, its plots and `optuna.load_study` can read it.
    The first trials have known values, or else the default values of the search space. The sampler
    ignores failed trials instead of counting them as bad ones. Values that were tried are not tried
    again: if the sampler proposes nothing else, they are random.

    Args:
        objective: As for the oracles of KerasTuner, with one direction.
        max_trials: The number of trials.
        sampler: "tpe" (Tree-structured Parzen Estimator), "cmaes" (CMA-ES, for floats and
            integers), "qmc" (quasi-random), "gp" (`GaussianProcessSampler`), "random", or a sampler
            of Optuna, which then ignores `seed`.
        known: The values of the first trials by name; other hyperparameters have their defaults. A
            number out of its range is recorded in the study as the end of the range.
        storage: The address of a database, such as `"sqlite:///search.db"`. By default a file
            `optuna.db` in the directory of the project.
        study_name: The name of the study, by default that of the project.
        seed: The seed of the sampler.
        **kwargs: The other arguments of `keras_tuner.Oracle`.

    Raises:
        TypeError: If `sampler` has the wrong type.
        ValueError: If an argument is out of range, or there are several objectives.

    Example:

    >>> from occam import tuning
    >>> oracle = tuning.OptunaOracle("val_data_loss", max_trials=20, sampler="tpe")
    >>> oracle.objective.direction
    'min'

    Reference: Akiba et al., Optuna: A Next-generation Hyperparameter Optimization Framework, 2019,
    https://arxiv.org/abs/1907.10902; Bergstra et al., Algorithms for Hyper-Parameter Optimization,
    2011 (TPE)
    """

    def __init__(
        self,
        objective: Any,
        max_trials: int,
        *,
        sampler: str | BaseSampler = "tpe",
        known: Sequence[Mapping[str, Any]] = (),
        storage: str | None = None,
        study_name: str | None = None,
        seed: int = 0,
        **kwargs: Any,
    ):
        check_integer("max_trials", max_trials, minimum=1)
        check_integer("seed", seed, minimum=0)
        check_sampler(sampler)
        kwargs.setdefault("max_consecutive_failed_trials", max_trials + 1)  # no limit
        # KerasTuner draws a seed if it is 0.
        super().__init__(objective_of(objective), max_trials, seed=seed + 1, **kwargs)
        if len(directions_of(self.objective)) > 1:
            raise ValueError("`objective` must be one objective. Received: several")
        self.sampler, self.known = sampler, tuple(known)
        self.storage, self.study_name = storage, study_name
        self.shared: SharedJobs | None = None  # of several machines, one of which proposes a trial
        self._study: optuna.Study | None = None

    @property
    def study(self) -> optuna.Study:
        """The study of Optuna, in the storage of the oracle."""
        if self._study is None:
            path = Path(self._project_dir).resolve() / "optuna.db"
            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._study = optuna.create_study(
                storage=self.storage or f"sqlite:///{path}",
                study_name=self.study_name or self._project_name,
                direction="maximize" if self.objective.direction == "max" else "minimize",
                load_if_exists=True,
            )
            known, name = self._study.get_trials(deepcopy=False), self._study.study_name
            if self.trials and not known:
                raise ValueError(
                    f"`storage` must have the study {name!r} of the search that is resumed. "
                    f"Received: storage={self.storage!r}, which has no trial of it"
                )
            others = any(trial.state == TrialState.COMPLETE for trial in known)
            if others and not self.trials and self.shared is None:
                raise ValueError(
                    f"The study {name!r} in `storage` has trials of another search. Choose another "
                    "directory, `project_name` or `storage`, or delete the study."
                )
        return self._study

    @property
    def identity(self) -> dict[str, Any]:
        """The sampler and its seed, which a resumed search must share."""
        named = isinstance(self.sampler, str)
        return {
            "sampler": self.sampler if named else type(self.sampler).__name__,
            "sampler_seed": self.seed - 1 if named else None,
        }

    def end_trial(self, trial: Any) -> None:
        super().end_trial(trial)
        self._tell()

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        if self.shared is None:
            return self._propose(trial_id)
        return self.shared.once(f"trial {int(trial_id)}", lambda: self._propose(trial_id))

    def _propose(self, trial_id: str) -> dict[str, Any]:
        self._tell(drop=True)
        for values in known_values(self.known, self.hyperparameters):
            if not is_tried(values, self.trials):
                self._suggested(self._ask(trial_id, 0, values))
                return {"status": "RUNNING", "values": values}
        for repeat in range(_MAX_REPEATS):
            trial = self._ask(trial_id, repeat)
            values = self._suggested(trial)
            if not self._duplicate(values):
                return {"status": "RUNNING", "values": values}
            self.study.tell(trial, state=TrialState.FAIL)
        return {"status": "STOPPED", "values": None}

    def _ask(self, trial_id: str, repeat: int, known: Mapping[str, Any] | None = None) -> Trial:
        """Return a new trial of the study, for known values or for those of the sampler."""
        # A search that is resumed draws what one that was not interrupted draws.
        seed = self.seed + _MAX_REPEATS * len(self.trials) + repeat
        if repeat > _MAX_REPEATS // 2:  # a sampler may insist on the best values
            self.study.sampler = RandomSampler(seed=seed)
        elif isinstance(self.sampler, BaseSampler):
            self.study.sampler = self.sampler
        else:
            self.study.sampler = SAMPLERS[self.sampler](seed=seed)
        if known is not None:
            space = {each.name: each for each in self.hyperparameters.space}
            self.study.enqueue_trial({n: _position(space[n], value) for n, value in known.items()})
        trial = self.study.ask()
        trial.set_user_attr("trial_id", trial_id)
        return trial

    def _suggested(self, trial: Trial) -> dict[str, Any]:
        """Return the values of the active hyperparameters in a trial of the study."""
        hp = keras_tuner.HyperParameters()
        for parameter in self.hyperparameters.space:
            hp.merge([parameter])
            if hp.is_active(parameter):
                hp.values[parameter.name] = _suggest(trial, parameter)
        return hp.values

    def _tell(self, *, drop: bool = False) -> None:
        """Tell the study how its trials ended; drop those that KerasTuner never began.

        Only the process that proposes a trial knows which those are: others may be ahead.
        """
        ours = {int(trial_id): trial for trial_id, trial in self.trials.items()}
        for frozen in self.study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            trial = ours.get(int(frozen.user_attrs.get("trial_id", -1)))
            with contextlib.suppress(UpdateFinishedTrialError):  # another machine told it
                if drop if trial is None else trial.status in ("FAILED", "INVALID"):
                    self.study.tell(frozen.number, state=TrialState.FAIL, skip_if_finished=True)
                elif trial is not None and trial.status == "COMPLETED":
                    self.study.tell(frozen.number, trial.score, skip_if_finished=True)


def check_sampler(sampler: Any) -> None:
    """Raise an error unless `sampler` is a name or a sampler of Optuna."""
    if not isinstance(sampler, BaseSampler):
        expected = f"one of {', '.join(SAMPLERS)}, or a sampler of Optuna"
        check_type("sampler", sampler, str, expected)
        check_one_of("sampler", sampler, tuple(SAMPLERS))


def delete_study(storage: str, name: str | None) -> None:
    """Delete a study from a database, if it is there."""
    with contextlib.suppress(KeyError):
        optuna.delete_study(study_name=name, storage=storage)


def _suggest(trial: Trial, parameter: Any) -> Any:
    """Let a trial of Optuna suggest the value of a hyperparameter of KerasTuner."""
    name, kind = parameter.name, type(parameter).__name__
    if kind not in ("Float", "Int"):
        return trial.suggest_categorical(name, list(parameter.values))
    if _has_positions(parameter):
        return parameter.prob_to_value(trial.suggest_float(name, 0.0, 1.0))
    suggest = trial.suggest_float if kind == "Float" else trial.suggest_int
    return suggest(name, *_limits(parameter), log=parameter.sampling == "log")


def _position(parameter: Any, value: Any) -> Any:
    """Return the inverse of `_suggest`; a number out of the range is moved to its end."""
    if type(parameter).__name__ not in ("Float", "Int"):
        return value
    low, high = _limits(parameter)
    value = min(max(value, low), high)
    return parameter.value_to_prob(value) if _has_positions(parameter) else value


def _has_positions(parameter: Any) -> bool:
    """Return whether Optuna has no such number, so that its place in the range is suggested."""
    unit = 1 if type(parameter).__name__ == "Int" and parameter.sampling == "linear" else None
    return parameter.step != unit or parameter.sampling == "reverse_log"


def _limits(parameter: Any) -> tuple[Any, Any]:
    return parameter.min_value, parameter.max_value
