"""`TensorBoard`: what regularization costs and buys, on TensorBoard's dashboards."""

from .callback import TensorBoard
from .charts import charts
from .figure import to_png
from .hparams import HParams, Interval
from .reading import read_scalars, runs_of

__all__ = ["HParams", "Interval", "TensorBoard", "charts", "read_scalars", "runs_of", "to_png"]
