"""Matplotlib figures without a display and without pyplot's global state."""

from typing import Any

import numpy as np


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure. Its size is in inches of 100 pixels."""
    from matplotlib.figure import Figure  # takes a while to import

    return Figure(figsize=(width, height), dpi=100, layout="constrained")


def draw_sample(axes: Any, x: np.ndarray) -> None:
    """Draw a sample: `(features,)` and `(time, channels)` as curves, other shapes as an image.

    Raises:
        ValueError: If the sample has more than three axes.
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
            "A sample must have the shape (features,), (time, channels) or (height, width, "
            f"channels). Received: shape {x.shape}"
        )
