"""`choose_regularization`: race the tiers of a model, judged on samples held out from training."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from ...core.checks import check_integer, check_number, check_path, check_type, message
from ...core.statistics import mean_and_error
from ...core.text_table import table
from ..data import Data
from ..data.folds import parse_folds
from ..models import Setting, blueprint_of, create_model, get_architecture
from ..regularization import Regularization
from ..tasks import Classification, Given
from . import engine
from .budget import EPOCH_STEPS, Budget
from .configuration import check_model, model_record
from .fit import Fitter
from .prepare import LEARNING_RATE
from .refined_loss import refined_losses
from .work_directory import WorkDirectory

COST = 2  # trainings of full length; the training that follows is the third
FOLDS = 5
ENOUGH = 400  # samples to judge by; more folds than they need are not trained


@dataclass(frozen=True, eq=False)
class Race:
    """The result of `choose_regularization`.

    Args:
        tiers: The candidates by name, from the least to the most regularized.
        losses: The loss of each held-out sample `(samples,)` for each candidate; infinite if its
            training diverged.
        weights: The weight of each sample in a mean `(samples,)`.
        scores: The main score of the task on the held-out samples, for each candidate; NaN if it
            diverged, or if a compiled model has other outputs than those of the task.
        score: The name of the score.
        folds: The number of trainings of each candidate.
        steps: The number of steps of each training.

    Example: "light" is the best, and "strong" as good as that within one standard error.

    >>> losses = {"none": [1.0, 1.2, 1.4], "light": [0.9, 0.8, 1.0], "strong": [1.0, 0.7, 1.1]}
    >>> losses = {tier: np.array(values) for tier, values in losses.items()}
    >>> tiers = {tier: Regularization() for tier in losses}
    >>> Race(tiers, losses, np.ones(3), dict.fromkeys(losses, 0.5), "accuracy", 1, 100).chosen
    'strong'
    """

    tiers: dict[str, Regularization]
    losses: dict[str, np.ndarray]
    weights: np.ndarray
    scores: dict[str, float]
    score: str
    folds: int
    steps: int

    @property
    def best(self) -> str:
        """The candidate with the smallest mean loss."""
        return min(self.losses, key=self.mean_loss)

    @property
    def chosen(self) -> str:
        """The most regularized candidate within one standard error of the best.

        The standard error is that of the mean difference between the losses of a sample.

        Reference: Breiman, Friedman, Olshen & Stone, Classification and Regression Trees, 1984,
        section 3.4.3.
        """
        differences = {tier: self.difference(tier) for tier in self.tiers}
        return [tier for tier, (above, error) in differences.items() if above <= error][-1]

    @property
    def regularization(self) -> Regularization:
        """The `Regularization` of the chosen candidate."""
        return self.tiers[self.chosen]

    def mean_loss(self, tier: str) -> float:
        """Return the weighted mean loss of a candidate, infinite if it diverged."""
        finite = np.isfinite(self.losses[tier]).all()
        return float(np.average(self.losses[tier], weights=self.weights)) if finite else np.inf

    def difference(self, tier: str) -> tuple[float, float]:
        """Return by how much the mean loss is above the best, and the standard error of that."""
        if not np.isfinite(self.mean_loss(tier)):
            return np.inf, np.nan
        return mean_and_error(self.losses[tier] - self.losses[self.best], self.weights)

    def __str__(self) -> str:
        rows = [
            (
                "*" if tier == self.chosen else "",
                tier,
                f"{self.mean_loss(tier):.4f}",
                "{:.4f} ± {:.4f}".format(*self.difference(tier)),
                f"{self.scores[tier]:.3f}",
                repr(regularization),
            )
            for tier, regularization in self.tiers.items()
        ]
        return table(("", "tier", "loss", "above best", self.score, "regularization"), rows)


def choose_regularization(
    model: str | keras.Model,
    data: Data,
    *,
    tiers: Mapping[str, Regularization] | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    directory: str | os.PathLike[str] | None = None,
    resume: bool = True,
    verbose: int = 1,
    **options: Any,
) -> Race:
    """Choose among the tiers of a model by short trainings, on samples held out from them.

    All candidates have the same seeds, folds and steps, with a schedule that ends at 0. Together
    they take as many steps as two trainings of full length, but at least one pass each. Small data
    is divided into up to 5 folds, until 400 samples were held out once; of large data, the
    validation part judges. Data with folds of its own is divided into these, once. The test part is
    not read.

    Candidates are judged by the data loss of each held-out sample. Of classifiers it is that after
    temperature scaling: otherwise, label smoothing and mixup would be judged by how confident they
    leave a model, which an export corrects, and not by what it can tell apart. Of the candidates
    within one standard error of the best, the most regularized one is chosen. (A model that a user
    compiled is judged by its own loss.)

    Args:
        model: A name of `list_models()`, or a Keras model. The layers of a Keras model stay as they
            are, and only fields of training are chosen; it has its weights again at the end.
        data: The data, from `zoo.load_data`.
        tiers: The candidates by name, from the least to the most regularized. By default, the tiers
            of the model; a model from elsewhere has those of the `mlp`, which suit its inputs. A
            candidate that diverges loses.
        epochs, steps, learning_rate: The length and rate of the training that follows.
        seed: The seed of weights, dropout and the order of samples.
        directory: A directory that keeps finished trainings. If the program is killed, the same
            call does not repeat them.
        resume: Whether to resume the race in `directory` or to delete it.
        verbose: 0 is silent, 1 shows what runs.
        **options: The options of the architecture, as in `create_model`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the model or data does not support it.
        FloatingPointError: If all candidates diverged.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits", validation_fraction=0.3)
    >>> tiers = {tier: zoo.preset("mlp", tier) for tier in ("none", "light")}
    >>> race = choose_regularization("mlp", data, tiers=tiers, epochs=1, verbose=0)
    >>> race.chosen in tiers, race.regularization == tiers[race.chosen]
    (True, True)

    Reference: Berta, Holzmueller, Jordan & Bach, Rethinking Early Stopping: Refine, Then Calibrate,
    2025, https://arxiv.org/abs/2501.19195
    """
    check_type("data", data, Data, Data.EXPECTED)
    check_type("model", model, (str, keras.Model), "a name of zoo.list_models() or a keras.Model")
    check_integer("seed", seed, minimum=0)
    check_number("learning_rate", learning_rate, "(0, inf)", optional=True)
    check_path("directory", directory, optional=True)
    if isinstance(data.task, Given):
        raise ValueError("`data` must have a task, not targets of task 'given'.")
    loss = _loss_of(model, data)
    tiers = _checked_tiers(tiers) if tiers is not None else _tiers_of(model, data)
    length = COST * Budget.of(data, epochs=epochs, steps=steps).steps // len(tiers)
    folds = _folds(data, length)
    budget = _at_most(length // len(folds), folds[0])
    files = None
    if directory is not None:
        config = {
            "model": (
                {"name": model, **options} if isinstance(model, str) else model_record(model)
            ),
            "data": data.to_dict(),
            "tiers": {tier: regularization.to_dict() for tier, regularization in tiers.items()},
            "training": {
                **budget.to_dict(),
                "folds": len(folds),
                "learning_rate": learning_rate,
                "seed": seed,
            },
        }
        files = WorkDirectory(directory, job="race", arguments=(*config,), contents=("*.npz",))
        files.open(config, resume=resume)

    def fitter_of(regularization: Regularization) -> Fitter:
        if isinstance(model, str):
            named: dict[str, Any] = {"data": data, "seed": seed, "regularization": regularization}
            network = create_model(model, **named, **options)
        else:
            network = model
        rate = None if engine.is_compiled(network) else learning_rate or LEARNING_RATE
        return Fitter(network, folds[0], regularization, budget, learning_rate=rate, seed=seed)

    if verbose:
        trainings = f"{budget.steps:,} steps on each of {len(folds)} folds"
        if len(folds) == 1:
            trainings = f"{budget.steps:,} steps"
        tqdm.write(f"Choosing among {', '.join(tiers)}: {trainings}.", file=sys.stderr)
    score = next(iter(data.task.scores_up))
    losses, scores, weights = {}, {}, np.ones(0)
    for number, (tier, regularization) in enumerate(tiers.items()):
        name = f"candidate-{number}"
        rows = _held_out(files, name, folds, lambda r=regularization: fitter_of(r))
        targets, outputs, weights = rows
        finite = np.isfinite(outputs).all()
        losses[tier] = loss(targets, outputs, weights) if finite else np.full(len(targets), np.inf)
        comparable = finite and outputs.shape[1:] == (data.task.units,)
        scores[tier] = data.task.scores(targets, outputs)[score] if comparable else np.nan
        if verbose:
            mean = np.average(losses[tier], weights=weights)
            text = f"loss {mean:.4f}, {score} {scores[tier]:.3f}"
            text = text if finite else "diverged"
            tqdm.write(f"  {tier:<8} {text}", file=sys.stderr)
    race = Race(tiers, losses, weights, scores, score, len(folds), budget.steps)
    if not np.isfinite(race.mean_loss(race.best)):
        rate = f"{learning_rate or LEARNING_RATE:g}"
        raise FloatingPointError(
            f"All candidates ({', '.join(tiers)}) diverged. Try a learning rate below {rate}."
        )
    return race


def race_directory(log_dir: str | os.PathLike[str]) -> str:
    """Return the directory of the race before the run in `log_dir`."""
    return f"{Path(log_dir)}-race"


def _loss_of(model: str | keras.Model, data: Data) -> Callable[..., np.ndarray]:
    """Return the function from targets, outputs and weights to the loss of each sample."""
    if isinstance(model, keras.Model) and engine.is_compiled(model):
        loss = engine.sample_loss(model, data.task)
        if loss is None:
            expected = "compiled with one loss of Keras, to judge single samples"
            raise ValueError(message("model", model.loss, expected))
        return lambda targets, outputs, weights: loss(targets, outputs)
    if isinstance(model, keras.Model):
        check_model(model, data)
    if isinstance(data.task, Classification):
        return refined_losses
    by_sample = engine.by_sample(data.task.loss())
    return lambda targets, outputs, weights: by_sample(targets, outputs)


def _at_most(steps: int, data: Data) -> Budget:
    """Return the longest budget of whole passes with at most `steps`, but at least one pass."""
    batches = data.steps_per_epoch
    epochs = max(steps // max(EPOCH_STEPS, batches), 1)
    passes = max(steps // (epochs * batches), 1)
    return Budget(epochs, passes, epochs * passes * batches, None)


def _checked_tiers(tiers: Any) -> dict[str, Regularization]:
    """Return `tiers` as a dict, or raise an error that names the argument."""
    expected = "a mapping from names to occam.zoo.Regularization, not empty"
    check_type("tiers", tiers, Mapping, expected)
    if not tiers or not all(isinstance(each, Regularization) for each in tiers.values()):
        raise ValueError(message("tiers", dict(tiers), expected))
    return dict(tiers)


def _tiers_of(model: str | keras.Model, data: Data) -> dict[str, Regularization]:
    """Return the different tiers of a model, without the fields of its layers if it is built."""
    blueprint = None if isinstance(model, str) else blueprint_of(model)
    name = model if isinstance(model, str) else blueprint.name if blueprint else "mlp"
    tiers = get_architecture(name, argument="model").presets_for(Setting.of(data))
    if not isinstance(model, str):
        layers = blueprint.regularization.only("model").on() if blueprint else {}
        if engine.is_compiled(model):  # with an optimizer of its own
            layers |= {"weight_decay": 0.0, "sam_rho": 0.0}
        tiers = {t: r.only("training").replace(**layers) for t, r in tiers.items()}
    different: dict[str, Regularization] = {}
    for tier, regularization in tiers.items():
        if regularization not in different.values():
            different[tier] = regularization
    return different


def _folds(data: Data, steps: int) -> Sequence[Data]:
    """Return the data whose validation parts together have enough samples to judge by.

    Of folds, there are only so many that one pass over each fits into `steps`.
    """
    if not (data.cv or "validation" in data.raw_splits):
        raise ValueError("`data` must have a validation part, or folds.")
    most = max(steps // data.steps_per_epoch, 1)
    if data.cv:
        return data.folds(parse_folds(data.cv)[0])[:most]
    enough = data.sizes["validation"] >= ENOUGH or data.has_own_validation or most == 1
    if enough or not data.divisible or data.hold_out_by == "time":
        return [data]
    strata = data.task.strata(np.asarray(data.without_validation().raw_splits["train"].targets))
    k = FOLDS if strata is None else min(FOLDS, int(min(filter(None, np.bincount(strata)))))
    if k < 2:
        return [data]
    rows = data.sizes["train"] + data.sizes["validation"]
    return data.folds(k)[: min(-(-ENOUGH * k // rows), most)]


def _held_out(
    files: WorkDirectory | None,
    name: str,
    folds: Sequence[Data],
    fitter_of: Callable[[], Fitter],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the targets, outputs and weights of all held-out samples of a candidate."""
    fitter, found = None, []
    for number, fold in enumerate(folds):
        path = files.path / f"{name}-{number}.npz" if files else None
        if path and path.exists():
            with np.load(path) as arrays:
                found.append(tuple(arrays[name] for name in ("targets", "outputs", "weights")))
            continue
        fitter = fitter or fitter_of()
        fitter.fit(fold)
        rows = engine.rows_of(fitter.model, fold.validation)
        if path:
            temporary = path.with_suffix(".tmp.npz")
            np.savez(temporary, targets=rows[0], outputs=rows[1], weights=rows[2])
            temporary.replace(path)
        found.append(rows)
    if fitter:
        fitter.reset()
    targets, outputs, weights = (np.concatenate(each) for each in zip(*found, strict=True))
    return targets, outputs, weights.astype("float64")
