"""The `occam` command."""

import contextlib
import functools
import logging
import operator
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Annotated, Any

import tyro

from .board import BoardCommand
from .command import Command
from .compare import CompareCommand
from .data import DataCommand
from .demo import DemoCommand
from .evaluate import EvaluateCommand
from .export import ExportCommand
from .exports import ExportsCommand
from .lab import LabCommand
from .lint import LintCommand
from .models import ModelsCommand
from .predict import PredictCommand
from .serve import ServeCommand
from .train import TrainCommand
from .tune import TuneCommand

COMMANDS = {
    "models": ModelsCommand,
    "data": DataCommand,
    "train": TrainCommand,
    "tune": TuneCommand,
    "evaluate": EvaluateCommand,
    "compare": CompareCommand,
    "lint": LintCommand,
    "export": ExportCommand,
    "exports": ExportsCommand,
    "predict": PredictCommand,
    "serve": ServeCommand,
    "board": BoardCommand,
    "demo": DemoCommand,
    "lab": LabCommand,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    `occam lint` and `occam exports` exit with 1 if they find something, and with 2 if they fail.
    """
    try:
        sys.exit(_run(_parse(sys.argv[1:] if arguments is None else list(arguments))))
    except KeyboardInterrupt:
        print("\noccam: interrupted", file=sys.stderr)  # below a progress bar
        sys.exit(130)
    except BrokenPipeError:  # such as `occam ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)


def _parse(arguments: list[str]) -> Command:
    if arguments == ["--version"]:
        print(f"occam {metadata.version('keras-occam')}")
        sys.exit(0)
    commands = (Annotated[c, tyro.conf.subcommand(name)] for name, c in COMMANDS.items())
    any_command: Any = functools.reduce(operator.or_, commands)
    return tyro.cli(
        any_command,
        prog="occam",
        description=(
            "Keras models in which regularization is stated once, tuned, seen and shipped.\n"
            "`occam --version` prints the version."
        ),
        args=arguments,
        config=(tyro.conf.CascadeSubcommandArgs, tyro.conf.FlagCreatePairsOff),
    )


def _run(command: Command) -> int:
    try:
        if not command.debug:
            _import_tensorflow_quietly()
        status = command.run() or 0
        if sys.stdout:  # None if it was closed
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except Exception as error:
        if command.debug:
            traceback.print_exc()
        else:
            message = re.sub(r"^\[Errno \d+\] ", "", " ".join(str(error).split()))
            print(f"occam: {message or type(error).__name__}", file=sys.stderr)
        return command.failure
    return status


def _import_tensorflow_quietly() -> None:
    """Import TensorFlow without its messages about CPU features and missing GPUs.

    Some of them ignore `TF_CPP_MIN_LOG_LEVEL` in TensorFlow 2.21, so stderr is closed meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    with _no_stderr():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _no_stderr() -> Iterator[None]:
    if sys.stderr is None:  # it was closed
        yield
        return
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if __name__ == "__main__":
    main()
