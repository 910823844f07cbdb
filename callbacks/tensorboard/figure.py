"""Drawing of pictures: figures to PNG, without a display and without pyplot's global state."""

import io
from typing import Any

import numpy as np

__all__ = ["draw_sample", "new_figure", "to_png"]


def new_figure(width: float, height: float) -> Any:
    """A figure of that many inches, at 100 pixels each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Any) -> tuple[bytes, tuple[int, int]]:
    """A figure as PNG, and its (width, height) in pixels."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue(), figure.canvas.get_width_height()


def draw_sample(axes: Any, x: np.ndarray) -> None:
    """Draws a sample: `(features,)` and series `(time, channels)` as curves, else as an image.

    Raises:
        ValueError: it has more than three axes.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    x = np.asarray(x, "float32")
    if x.ndim <= 2:
        axes.plot(x, linewidth=1)
    elif x.ndim == 3:
        low, high = float(x.min()), float(x.max())
        scaled = (x - low) / (high - low or 1.0)
        colored = scaled.shape[-1] == 3
        axes.imshow(scaled if colored else scaled[..., 0], cmap=None if colored else "gray")
    else:
        raise ValueError(
            "A sample must be features, a series (time, channels) or an image (height, width, "
            f"channels) to be drawn. Received: shape {x.shape}"
        )
