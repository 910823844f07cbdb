"""`occam board`."""

import contextlib
import dataclasses
import io
import threading
from pathlib import Path
from typing import Annotated, Any

import tyro

from ..core.checks import message
from .command import Command


@dataclasses.dataclass(kw_only=True)
class BoardCommand(Command):
    """Open TensorBoard on the runs in a directory, or draw the main charts of one run.

    TensorBoard listens on this machine only. Press Ctrl-C to stop it.
    """

    logdir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="LOGDIR")]]
    """Directory of a run or a search, with TensorBoard logs at any depth."""

    port: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 6006 or the next)")
    ] = None
    """Port on 127.0.0.1, or 0 for any free port."""

    png: Annotated[
        Path | None, tyro.conf.arg(metavar="OUT.png", help_behavior_hint="(default: none)")
    ] = None
    """Draw the main charts of a single run into this file instead."""

    def run(self) -> None:
        from ..callbacks import tensorboard

        tensorboard.runs_of(self.logdir)
        if self.png is None:
            self._serve()
        elif self.png.suffix != ".png":
            raise ValueError(message("png", str(self.png), "a file named *.png"))
        else:
            tensorboard.plot_run(self.logdir).savefig(self.png)

    def _serve(self) -> None:
        from tensorboard import program

        server: Any = program.TensorBoard()
        port = [] if self.port is None else ["--port", str(self.port)]
        try:
            server.configure(argv=["", "--logdir", str(self.logdir), "--host", "127.0.0.1", *port])
            with contextlib.redirect_stderr(io.StringIO()):  # a hint on faster loading
                address = server.launch()
        except program.TensorBoardServerException as error:
            raise OSError(error.msg) from error
        print(f"{address} shows {self.logdir}. Press Ctrl-C to stop.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
