"""`difference`: where two answers to the same question are not the same."""

from collections.abc import Mapping

import numpy as np

__all__ = ["difference", "tolerance"]

_TOLERANCE = {"bfloat16": 1e-2, "float16": 1e-3, "int8": 1e-2}  # a few roundings of the logits
_FLOAT32_TOLERANCE = 1e-5


def tolerance(precision: str) -> float:
    """How far numbers of the size 1 may differ that were computed in `precision`."""
    return _TOLERANCE.get(precision, _FLOAT32_TOLERANCE)


def difference(
    received: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], allowed: float
) -> str | None:
    """The first output in which two answers differ, and how; None if they are the same.

    Floats may differ by `allowed` times the largest of their output, which is taken as 1 or more.
    `class_id` and `label` may differ where the two largest `probabilities` are as close as that.
    """
    unclear = _unclear(expected, allowed)
    for name, right in expected.items():
        answer = received[name]
        if answer.shape != right.shape:
            return f"{name!r} of the shape {answer.shape} instead of {right.shape}"
        if right.dtype.kind == "f":
            far = _distance(answer, right)
            if not far <= allowed * max(1.0, _largest(right)):
                return f"{name!r} that differs by {far:.2g}"
        elif not np.all((answer == right) | (unclear if name in ("class_id", "label") else False)):
            return f"another {name!r}"
    return None


def _unclear(answer: Mapping[str, np.ndarray], allowed: float) -> np.ndarray | bool:
    if "probabilities" not in answer:
        return False
    best = np.sort(answer["probabilities"], axis=-1)
    return best[..., -1] - best[..., -2] <= 2 * allowed


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    """Infinite numbers and NaN in the same places are the same."""
    different = ~((a == b) | (np.isnan(a) & np.isnan(b)))
    return float(np.abs(a[different] - b[different]).max(initial=0.0))


def _largest(array: np.ndarray) -> float:
    return float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
