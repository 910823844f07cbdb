"""Compare the samplers of `tuning.tune` on stand-ins of searches on four data sets.

    python -m benchmarks.samplers [--directory samplers] [--seeds 10] [--trials 28]

A search of 28 trials with each sampler and seed, on real trainings, would take hours. So a
search of 128 quasi-random candidates of the default space of an `mlp` is trained once for each
data set, on one seed. A forest of extremely randomized trees, fitted to their losses, then stands
for the training, with normal noise of the size of its error in 10-fold cross-validation.

The regret of a search is the loss, without noise, of the candidate that it takes for the best,
less the smallest loss that any search or the 128 candidates found, in percent of the difference
between their median and that smallest loss. All searches begin with the tiers, as `tune` does. The
seconds are those of a proposal, mean over a search.

Reference: Eggensperger et al., Efficient Benchmarking of Hyperparameter Optimizers via Surrogates,
2015, https://doi.org/10.1609/aaai.v29i1.9375; Geurts et al., Extremely Randomized Trees, 2006
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import keras_tuner
import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import cross_val_predict

from occam import tuning, zoo
from occam.core.statistics import standard_error
from occam.core.text_table import table
from occam.tuning.optuna_oracle import SAMPLERS, OptunaOracle
from occam.zoo.models.architecture import TIERS

DATA = ("mnist1d", "digits", "breast_cancer", "diabetes")
CANDIDATES = 128
EPOCHS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--directory", default="samplers", help="of the trainings, which resume")
    parser.add_argument("--seeds", type=int, default=10, help="searches of each (default: 10)")
    parser.add_argument("--trials", type=int, default=28, help="of a search (default: 28)")
    parser.add_argument("--workers", type=int, default=2, help="of the trainings (default: 2)")
    arguments = parser.parse_args()
    regrets: dict[str, list[np.ndarray]] = {sampler: [] for sampler in SAMPLERS}
    seconds: dict[str, list[float]] = {sampler: [] for sampler in SAMPLERS}
    for name in DATA:
        stand_in = StandIn.of(name, Path(arguments.directory) / name, arguments.workers)
        found = {sampler: [] for sampler in SAMPLERS}
        for sampler in SAMPLERS:
            for seed in range(arguments.seeds):
                values, taken, spent = stand_in.search(sampler, arguments.trials, seed)
                found[sampler].append((min(values), taken))
                seconds[sampler].append(spent)
        smallest = min(stand_in.losses.min(), *(v for each in found.values() for v, _ in each))
        scale = np.median(stand_in.losses) - smallest
        for sampler, each in found.items():
            regrets[sampler].append(
                100 * (np.array([taken for _, taken in each]) - smallest) / scale
            )
        correlation = f"rank correlation {stand_in.correlation:.2f}, noise {stand_in.noise:.3g}"
        print(f"{name}: {correlation}, median - smallest loss {scale:.3g}", flush=True)
    rows = [
        (
            sampler,
            *(cell(values) for values in by_data),
            cell(np.mean(by_data, axis=0)),
            f"{1e3 * np.mean(seconds[sampler]):.0f} ms",
        )
        for sampler, by_data in regrets.items()
    ]
    print(table(("sampler", *DATA, "mean", "a proposal"), rows))


def cell(percents: np.ndarray) -> str:
    """Format a mean and its standard error with one decimal."""
    return f"{np.mean(percents):.1f} ± {standard_error(percents):.1f}"


@dataclass(frozen=True)
class StandIn:
    """A forest in the place of the trainings of a search.

    Args:
        space: The searched fields.
        known: The values of the first trials.
        forest: The forest, from the values of the fields to the loss.
        losses: The losses of the forest for the trained candidates.
        noise: The standard deviation of its error in cross-validation.
        correlation: The rank correlation of its losses in cross-validation with the real ones.
    """

    space: tuning.PenaltySpace
    known: list[dict[str, object]]
    forest: ExtraTreesRegressor
    losses: np.ndarray
    noise: float
    correlation: float

    @classmethod
    def of(cls, name: str, directory: Path, workers: int) -> "StandIn":
        """Train the candidates of a data set, and fit the forest."""
        data = zoo.load_data(name)
        found = tuning.tune(
            "mlp",
            data,
            directory=directory,
            max_trials=CANDIDATES,
            racing=tuning.Racing(finalists=1, seeds=1, sampler="qmc", prune=False),
            epochs=EPOCHS,
            resources=tuning.Resources(workers),
        )
        x = np.array([features(each.regularization, found.space) for each in found.candidates])
        y = np.array([found.executions(each)[0].score for each in found.candidates])
        forest = ExtraTreesRegressor(300, min_samples_leaf=2, random_state=0)
        predicted = cross_val_predict(forest, x, y, cv=10)
        forest.fit(x, y)
        space = tuning.PenaltySpace(found.space)
        tiers = (zoo.preset("mlp", tier, data=data) for tier in TIERS)
        return cls(
            space=space,
            known=[space.values(tier) for tier in tiers],
            forest=forest,
            losses=forest.predict(x),
            noise=float(np.std(y - predicted)),
            correlation=float(spearmanr(y, predicted)[0]),  # pyright: ignore[reportArgumentType]
        )

    def search(self, sampler: str, trials: int, seed: int) -> tuple[list[float], float, float]:
        """Return the losses of a search, the one that it takes, and the time of a proposal."""
        rng = np.random.default_rng(seed)
        objective = keras_tuner.Objective("loss", "min")
        losses, noisy, spent = [], [], 0.0
        with tempfile.TemporaryDirectory() as directory:
            oracle = OptunaOracle(
                *(objective, trials), sampler=sampler, known=self.known, seed=seed
            )
            oracle.verbose = 0
            oracle._set_project_dir(directory, "search")
            self.space(oracle.hyperparameters)
            for _ in range(trials):
                began = time.perf_counter()
                trial = oracle.create_trial("tuner")
                spent += time.perf_counter() - began
                regularization = self.space(trial.hyperparameters)
                (loss,) = self.forest.predict([features(regularization, self.space.fields)])
                losses.append(float(loss))
                noisy.append(float(loss + rng.normal(scale=self.noise)))
                oracle.update_trial(trial.trial_id, {"loss": noisy[-1]})
                trial.status = "COMPLETED"
                oracle.end_trial(trial)
        return losses, losses[int(np.argmin(noisy))], spent / trials


def features(regularization: zoo.Regularization, names: tuple[str, ...]) -> list[float]:
    """Return the position of each field in its range, 0 if it is off."""
    fields = zoo.Regularization.fields()
    return [fields[name].position(getattr(regularization, name)) for name in names]


if __name__ == "__main__":
    main()
