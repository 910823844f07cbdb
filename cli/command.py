"""`Command`: what all sub-commands share."""

import dataclasses
from typing import ClassVar

import tyro

__all__ = ["Command"]


@dataclasses.dataclass(kw_only=True)
class Command:
    """A sub-command: its fields are its arguments, `run` does it.

    A sub-command's file imports what is slow to import (TensorFlow, Keras) inside `run`, so that
    every `--help` answers at once.

    Attributes:
        failure: exit status of a failure; 2 where 1 is an answer.
    """

    failure: ClassVar[int] = 1

    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the whole traceback of a failure."""

    def run(self) -> int | None:
        """Does what the sub-command says; results go to standard output.

        Returns:
            The exit status; `None` is 0, done.
        """
        raise NotImplementedError
