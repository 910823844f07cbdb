"""`Candidate`: a written model that is not published yet, and what it is judged by."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..predictor import Predictor

__all__ = ["Candidate", "Features"]

Features = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Candidate:
    """A SavedModel that wants to be served. What is None is not known, and not looked at.

    Args:
        path: its directory.
        predictor: it, reloaded from there.
        expected: from features by name to the `(n, classes)` probabilities of the Keras model.
        precision: the shortest float dtype in which it computes: `"float32"`, `"bfloat16"`, ...
        class_names: the names that the classes should have, by class id.
        weight_bytes: of the model's weights.
        live: the version that is served now.
        data, allowed_drop, plain, latency_ratio, least_agreement, allowed_rise, in_c: as in
            `Checks`.
    """

    path: Path
    predictor: Predictor
    expected: Callable[[Features], np.ndarray] | None = None
    precision: str = "float32"
    class_names: tuple[str, ...] | None = None
    weight_bytes: int | None = None
    live: Path | None = None
    data: tuple[Features, Any] | None = None
    allowed_drop: float = 0.01
    plain: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    least_agreement: float = 0.98
    allowed_rise: float = 0.05
    in_c: bool | None = None
