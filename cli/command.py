"""`Command`: what all sub-commands share."""

import dataclasses

import tyro

__all__ = ["Command"]


@dataclasses.dataclass(kw_only=True)
class Command:
    """A sub-command: its fields are its arguments, `run` does it.

    A sub-command's file imports what is slow to import (TensorFlow, Keras) inside `run`, so that
    every `--help` answers at once.
    """

    debug: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show the whole traceback of a failure."""

    def run(self) -> None:
        """Does what the sub-command says; results go to standard output."""
        raise NotImplementedError
