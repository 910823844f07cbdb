"""`TensorBoard`, and pictures of its logs without a browser."""

from .callback import TensorBoard
from .event_file import read_scalars, runs_of
from .hparams import HParams, Interval
from .plot_run import plot_run

__all__ = ["HParams", "Interval", "TensorBoard", "plot_run", "read_scalars", "runs_of"]
