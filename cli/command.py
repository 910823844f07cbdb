"""`Command`: the base of all sub-commands."""

import dataclasses
from typing import ClassVar

import tyro


@dataclasses.dataclass(kw_only=True)
class Command:
    """A sub-command: its fields are its arguments, `run` executes it.

    Slow modules (TensorFlow, Keras) are imported inside `run`, so every `--help` answers at once.

    Attributes:
        failure: The exit status of a failure; 2 if 1 is a regular result.
    """

    failure: ClassVar[int] = 1

    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the whole traceback of a failure."""

    def run(self) -> int | None:
        """Execute the sub-command, print its results, and return the exit status; `None` is 0."""
        raise NotImplementedError
