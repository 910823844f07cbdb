"""`Checks`: what an export is judged by besides the model itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Checks"]


@dataclass(frozen=True)
class Checks:
    """What an export is judged by besides the model itself.

    Args:
        data: features by input name and labels `(n,)`, class ids or class names. On it, the export
            must be as accurate as the model and as the version that is served now: the one
            labelled `stable`, or else the latest. A version with other inputs is not compared with.
        allowed_drop: how much lower the accuracy may be.
        plain: a SavedModel of the same inputs in the same order, to be compared with in speed; None
            measures nothing.
        latency_ratio: how many times as long as `plain` one row may take.
        least_agreement: on `data`, the share of class ids in which an approximate format must agree
            with the model.
        allowed_rise: on `data`, how much higher its negative log-likelihood may be, in nats.
        in_c: whether a program in C, by TensorFlow's C API, must load it and get the same answers;
            None: where there is a C compiler. It takes about a second, once a process.

    Raises:
        ValueError: an argument is not what it should be.
    """

    data: tuple[Mapping[str, np.ndarray], Any] | None = None
    allowed_drop: float = 0.01
    plain: str | os.PathLike[str] | None = None
    latency_ratio: float = 1.5
    least_agreement: float = 0.98
    allowed_rise: float = 0.05
    in_c: bool | None = None

    def __post_init__(self):
        if self.data is not None:
            labels = np.asarray(self.data[1])
            if labels.ndim != 1 or labels.dtype.kind not in "iuU":
                raise ValueError(
                    "data must be features by name and labels (n,), class ids or names. Received: "
                    f"labels of dtype {labels.dtype} and shape {labels.shape}"
                )
        if not 0 <= self.allowed_drop <= 1:
            raise ValueError(
                f"allowed_drop must be from 0 to 1. Received: allowed_drop={self.allowed_drop!r}"
            )
        if not self.latency_ratio > 0:
            raise ValueError(
                f"latency_ratio must be positive. Received: latency_ratio={self.latency_ratio!r}"
            )
        if not 0 <= self.least_agreement <= 1:
            raise ValueError(
                "least_agreement must be from 0 to 1. Received: "
                f"least_agreement={self.least_agreement!r}"
            )
        if not self.allowed_rise >= 0:
            raise ValueError(
                f"allowed_rise must not be negative. Received: allowed_rise={self.allowed_rise!r}"
            )
