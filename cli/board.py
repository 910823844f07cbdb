"""`occam board`."""

import contextlib
import dataclasses
import io
import threading
from pathlib import Path
from typing import Annotated, Any

import tyro

from .command import Command

__all__ = ["Board"]


@dataclasses.dataclass(kw_only=True)
class Board(Command):
    """Show the logs of trainings in TensorBoard, or draw those of one without a browser.

    TensorBoard is reachable from this machine only; Ctrl-C stops it.
    """

    logdir: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="LOGDIR")]]
    """Directory with TensorBoard logs at any depth, such as that of a run or of a search."""

    port: Annotated[
        int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: 6006 or the next)")
    ] = None
    """Port on 127.0.0.1; 0 is any free one."""

    png: Annotated[
        Path | None, tyro.conf.arg(metavar="OUT.png", help_behavior_hint="(default: none)")
    ] = None
    """File to draw the main charts of a single run into, instead."""

    def run(self) -> None:
        """Serves until Ctrl-C, or draws."""
        from ..callbacks import tensorboard

        tensorboard.runs_of(self.logdir)
        if self.png is None:
            self._serve()
            return
        if self.png.suffix != ".png":
            raise ValueError(f"--png needs a file named *.png. Received: {self.png}")
        self.png.write_bytes(tensorboard.to_png(tensorboard.charts(self.logdir))[0])

    def _serve(self) -> None:
        from tensorboard import program

        server: Any = program.TensorBoard()
        port = [] if self.port is None else ["--port", str(self.port)]
        try:
            server.configure(argv=["", "--logdir", str(self.logdir), "--host", "127.0.0.1", *port])
            with contextlib.redirect_stderr(io.StringIO()):  # a note on its fast way of loading
                address = server.launch()
        except program.TensorBoardServerException as error:
            raise OSError(error.msg) from error
        print(f"{address} shows {self.logdir}; Ctrl-C stops it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
