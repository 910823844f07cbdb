"""`occam tune`."""

import contextlib
import dataclasses
import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .command import Command, DataFlags, ModelName, OptionFlags, Tier, from_json

if TYPE_CHECKING:
    from ..tuning import Tuning


@dataclasses.dataclass(kw_only=True)
class TuneCommand(Command, DataFlags, OptionFlags):
    """Search a model's penalties and rates of dropout and noise, judged on validation data loss.

    All candidates run on one seed, and the best of them on several others. The most regularized of
    these finalists within one standard error of the best is chosen. With --validation cv:5, all are
    judged by cross-validation. A search that was killed resumes when it is started again with the
    same arguments.
    """

    model: tyro.conf.Positional[ModelName]

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Directory of the search, new or to be resumed."""

    space: Annotated[
        tuple[str, ...],
        tyro.conf.arg(help_behavior_hint="(default: l2, dropout and the fields of the tiers)"),
    ] = ()
    """Fields of the regularization to search; `occam models MODEL` lists them."""

    search: Annotated[
        dict[str, str],
        tyro.conf.arg(metavar="NAME VALUES ...", help_behavior_hint="(default: none)"),
    ] = dataclasses.field(default_factory=dict)
    """Other arguments to search: learning_rate, batch_size, epochs and the options of the model.
    VALUES are choices in JSON or a range, as in batch_size [16,32,64] learning_rate 1e-4:1e-2."""

    base: Tier = "none"
    """Tier with the values of all other fields."""

    max_trials: int = 28
    """Number of candidates; the tiers of the model come first."""

    finalists: int = 4
    """Number of the best candidates that run on more seeds."""

    seeds: int = 3
    """Number of further runs of each finalist."""

    sampler: Literal["tpe", "cmaes", "qmc", "gp", "random"] = "tpe"
    """How Optuna proposes the candidates after the tiers."""

    epochs: Annotated[
        int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: as occam train)")
    ] = None
    """Maximum number of passes over the training data in a run."""

    learning_rate: float = 5e-3
    """Peak of the learning rate."""

    workers: int = 1
    """Number of processes that run trainings side by side."""

    storage: Annotated[
        str | None,
        tyro.conf.arg(metavar="URL", help_behavior_hint="(default: a file in the directory)"),
    ] = None
    """Address of a database, such as postgresql+psycopg2://user@host/name. The same command on
    several machines is one search, whose runs they share."""

    machines: int = 1
    """Number of machines that are going to share the search."""

    no_prune: bool = False
    """Do not stop candidates that are worse than the median of the others."""

    seed: int = 0
    """Seed of the search and of the first runs."""

    restart: bool = False
    """Delete the search in the directory instead of resuming it."""

    def run(self) -> None:
        from ..tuning import Racing, Resources, tune
        from ..zoo.data.folds import parse_folds

        data = self.load()
        search = {name: _values(name, text) for name, text in self.search.items()}
        live = sys.stderr is not None and sys.stderr.isatty()
        runs = self.max_trials + min(self.finalists, self.max_trials) * self.seeds
        if data.cv:
            k, repeats = parse_folds(data.cv)
            runs *= k * repeats
        with _live(self.directory, runs) if live else contextlib.nullcontext():
            found = tune(
                self.model,
                data,
                space=self.space or None,
                search=search or None,
                base=self.base,
                max_trials=self.max_trials,
                racing=Racing(self.finalists, self.seeds, self.sampler, not self.no_prune),
                epochs=self.epochs,
                learning_rate=self.learning_rate,
                seed=self.seed,
                directory=self.directory,
                resume=not self.restart,
                resources=Resources(self.workers, self.storage, self.machines),
                verbose=int(not live),
                **self.parsed_options(),
            )
        print(found)
        print(f"\nchosen: {found.regularization}")
        if found.hyperparameters:
            print(" " * 8 + ", ".join(f"{n}={v!r}" for n, v in found.hyperparameters.items()))
        print(f"search: {found.directory}, with the choice in winner.json")
        rows = "all rows but the test part" if data.divisible else "the training part"
        print(f"\nTo train it on {rows}:")
        print(shlex.join(self._train_command(found, refit=data.divisible)))

    def _train_command(self, found: "Tuning", *, refit: bool) -> list[str]:
        """Return the command that trains the model with the choice of the search."""
        runs: Any = found.training
        searched = found.hyperparameters
        training, length = runs.arguments_of(searched), runs.budget(searched)
        command = ["occam", "train", self.model, *_flag("data", self.data)]
        for field in dataclasses.fields(DataFlags):
            value = training.get(field.name, getattr(self, field.name))
            if field.name != "data" and value not in (field.default, {}):
                command += _flag(field.name, value)
        options = dict(self.options)
        for name in searched.keys() - training.keys():
            options[name] = json.dumps(searched[name], separators=(",", ":"))
        if options:
            command += _flag("options", dict(sorted(options.items())))
        command += _flag("regularization", "none")
        for name, value in found.regularization.on().items():
            command += _flag(name, value)
        # Of several passes, an epoch of `occam train` is not an epoch of the search.
        name = "epochs" if length.passes == 1 else "steps"
        command += _flag(name, getattr(length, name))
        command += _flag("learning_rate", training["learning_rate"])
        if self.seed != TuneCommand.seed:
            command += _flag("seed", self.seed)
        if refit:
            command += _flag("refit", "yes")
        return [*command, *_flag("log_dir", f"{self.directory}-winner")]


def _values(name: str, text: str) -> Any:
    """Return the choices in JSON, or the ends of a range, of an argument to search."""
    low, colon, high = text.partition(":")
    if colon and not text.startswith(("[", "{", '"')):
        return from_json(f"--search {name}", low), from_json(f"--search {name}", high)
    return from_json(f"--search {name}", text)


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
