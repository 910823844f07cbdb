"""`Racing` and `Resources`: how `tune` spends its runs, and where they take place."""

from dataclasses import dataclass
from types import NoneType
from typing import Any

import sqlalchemy
from sqlalchemy.exc import ArgumentError

from ..core.checks import check_bool, check_integer, check_number, check_type, message
from .optuna_oracle import check_sampler


@dataclass(frozen=True)
class Racing:
    """How a search proposes its candidates, and how many runs the best of them get.

    Args:
        finalists: The number of finalists, the best candidates on the first seed.
        seeds: The number of runs of each finalist, after its first.
        sampler: How `OptunaOracle` proposes candidates: "tpe", "cmaes", "qmc", "gp", "random", or
            a sampler of Optuna.
        prune: Whether to stop candidates whose best objective so far is worse than the median of
            all finished candidates at the same epoch, after three tenths of the epochs but not
            before the fifth, once four candidates have finished. None is stopped if the last epoch
            counts, with few validation samples.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a number is out of range, or the sampler is unknown.

    Example:

    >>> Racing(seeds=5, sampler="gp")
    Racing(finalists=4, seeds=5, sampler='gp', prune=True)

    Reference: Maron & Moore, Hoeffding Races: Accelerating Model Selection Search, 1994.
    `python -m benchmarks.racing` compares ways to spend the same number of runs.
    """

    finalists: int = 4
    seeds: int = 3
    sampler: Any = "tpe"
    prune: bool = True

    def __post_init__(self):
        check_integer("finalists", self.finalists, minimum=1)
        check_integer("seeds", self.seeds, minimum=1)
        check_sampler(self.sampler)
        check_bool("prune", self.prune)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values, with the name of the sampler."""
        sampler = self.sampler if isinstance(self.sampler, str) else type(self.sampler).__name__
        return {**vars(self), "sampler": sampler}


@dataclass(frozen=True)
class Resources:
    """The processes and the database of a search.

    Args:
        workers: The number of processes that run trainings side by side, each on an equal share of
            the processors. With several, the candidates are proposed in rounds of twice as many, so
            the search is the same whichever process is faster. A process that is killed loses only
            its training, which is begun anew. The model and the data must be in memory, and the
            classes of a user's layers registered with Keras. One GPU does not train faster.
        storage: The address of a database of Optuna, such as
            `"postgresql+psycopg2://user@host/name"`. It has the candidates, the figures of all runs
            and the study of Optuna, and the same call on several machines, each with a directory
            of its own, is one search: they share the runs, and each ends with all figures. By
            default the study is a file in the directory.
        machines: The number of machines that are going to share the search. The candidates are
            proposed in rounds of twice as many as all their workers. With another number, the
            search is still shared, but some machines wait for others.
        grace: The number of seconds without a sign of life of a machine, after which the others
            repeat its unfinished runs.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a number is out of range, or `storage` is not an address, or missing for
            several machines.
    """

    workers: int = 1
    storage: str | None = None
    machines: int = 1
    grace: float = 60.0

    def __post_init__(self):
        check_integer("workers", self.workers, minimum=1)
        check_integer("machines", self.machines, minimum=1)
        check_number("grace", self.grace, "(0, inf)")
        expected = "the address of a database, such as 'sqlite:///search.db', or None"
        check_type("storage", self.storage, (str, NoneType), expected)
        try:
            sqlalchemy.make_url(self.storage or "sqlite://")
        except ArgumentError as error:
            raise ValueError(message("storage", self.storage, expected)) from error
        if self.machines > 1 and self.storage is None:
            expected = "the address of a database if there are several `machines`"
            raise ValueError(message("storage", None, expected))

    @property
    def round_size(self) -> int:
        """The number of candidates that are proposed together."""
        processes = self.workers * self.machines
        return 1 if processes == 1 else 2 * processes
