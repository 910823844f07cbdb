"""The `occam` command."""

import contextlib
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Annotated, Any

import tyro

from .board import Board
from .command import Command
from .data import Data
from .demo import Demo
from .export import Export
from .exports import Exports
from .lint import Lint
from .models import Models
from .predict import Predict
from .serve import Serve
from .train import Train
from .tune import Tune

COMMANDS = (Models, Data, Train, Tune, Lint, Export, Exports, Predict, Serve, Board, Demo)

_Command: Any = Annotated[Models, tyro.conf.subcommand("models")]
for _class in COMMANDS[1:]:
    _Command |= Annotated[_class, tyro.conf.subcommand(_class.__name__.lower())]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    `occam lint` exits with 1 if it found something, and with 2 if it failed.

    Args:
        arguments: The arguments after `occam`. Defaults to `sys.argv[1:]`.
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
    return tyro.cli(
        _Command,
        prog="occam",
        description=(
            "Keras models in which regularization is stated once, tuned, seen and shipped.\n"
            "`occam --version` prints the version."
        ),
        args=arguments,
        config=(tyro.conf.CascadeSubcommandArgs,),
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
            message = " ".join(str(error).split()) or type(error).__name__
            print(f"occam: {message}", file=sys.stderr)
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
