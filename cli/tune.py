"""`occam tune`."""

import contextlib
import dataclasses
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from ..zoo import Regularization
from .command import Command, DataFlags, ModelName, Tier


@dataclasses.dataclass(kw_only=True)
class TuneCommand(Command, DataFlags):
    """Search a model's penalties and rates of dropout and noise, judged on validation data loss.

    All candidates run on one seed, and the best of them on several others. The most regularized of
    these finalists within one standard error of the best is chosen. A search that was killed
    resumes when it is started again with the same arguments.
    """

    model: tyro.conf.Positional[ModelName]

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Directory of the search, new or to be resumed."""

    space: Annotated[
        tuple[str, ...],
        tyro.conf.arg(help_behavior_hint="(default: l2 dropout noise label_smoothing)"),
    ] = ()
    """Fields of the regularization to search; `occam models MODEL` lists them."""

    base: Tier = "none"
    """Tier with the values of all other fields."""

    max_trials: int = 28
    """Number of candidates; the tiers of the model come first."""

    finalists: int = 4
    """Number of the best candidates that run on more seeds."""

    seeds: int = 3
    """Number of further runs of each finalist."""

    sampler: Literal["tpe", "cmaes", "qmc", "random"] = "tpe"
    """How Optuna proposes the candidates after the tiers."""

    epochs: int = 50
    """Maximum number of passes over the training data in a run."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    seed: int = 0
    """Seed of the search and of the first runs."""

    restart: bool = False
    """Delete the search in the directory instead of resuming it."""

    def run(self) -> None:
        from ..tuning import tune

        data = self.load()
        live = sys.stderr is not None and sys.stderr.isatty()
        runs = self.max_trials + min(self.finalists, self.max_trials) * self.seeds
        with _live(self.directory, runs) if live else contextlib.nullcontext():
            found = tune(
                self.model,
                data,
                space=self.space or None,
                max_trials=self.max_trials,
                finalists=self.finalists,
                directory=self.directory,
                base=self.base,
                sampler=self.sampler,
                seeds=self.seeds,
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                seed=self.seed,
                resume=not self.restart,
                verbose=int(not live),
            )
        print(found)
        print(f"\nchosen: {found.regularization}")
        print(f"search: {found.directory}, with the choice in winner.json")
        rows = "all rows but the test part" if data.divisible else "the training part"
        print(f"\nTo train it on {rows}:")
        print(shlex.join(self._train_command(found.regularization, refit=data.divisible)))

    def _train_command(self, regularization: Regularization, *, refit: bool) -> list[str]:
        """Return the command that trains the model with the choice of the search."""
        command = ["occam", "train", self.model, *_flag("data", self.data)]
        for field in dataclasses.fields(DataFlags):
            value = getattr(self, field.name)
            if field.name != "data" and value not in (field.default, {}):
                command += _flag(field.name, value)
        command += _flag("regularization", "none")
        for name, value in regularization.on().items():
            command += _flag(name, value)
        command += _flag("epochs", self.epochs)
        for name in ("learning_rate", "seed"):
            if getattr(self, name) != getattr(TuneCommand, name):
                command += _flag(name, getattr(self, name))
        if refit:
            command += _flag("refit", "yes")
        return [*command, *_flag("log_dir", f"{self.directory}-winner")]


def _flag(name: str, value: Any) -> list[str]:
    """Return the arguments of a flag with one or several values."""
    values = value if isinstance(value, tuple) else (value,)
    if isinstance(value, dict):
        values = [each for item in value.items() for each in item]
    return [f"--{name.replace('_', '-')}", *map(str, values)]


@contextlib.contextmanager
def _live(directory: Path, runs: int) -> Iterator[None]:
    """Show the progress of a search in the terminal, until the block ends."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from ..tuning.progress import Progress

    console, progress = Console(stderr=True), Progress(directory, runs)

    def show() -> Text:
        return Text(progress.text(console.width), no_wrap=True, overflow="ellipsis")

    with Live(get_renderable=show, console=console, refresh_per_second=2, transient=True):
        yield
