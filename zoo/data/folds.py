"""Folds: every row is in the validation part of one of k trainings, once in each repeat."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from ...core.checks import check_integer, message
from ..tasks import DataError, Task
from .split import ArraySplit


def is_folds(validation: Any) -> bool:
    """Return whether the argument `validation` of `load_data` asks for cross-validation."""
    return isinstance(validation, str) and validation.startswith("cv:")


def parse_folds(folds: Any, argument: str = "folds") -> tuple[int, int]:
    """Return the number of folds and of repeats in "5x2", "5" or "cv:5x2".

    Example:

    >>> parse_folds("cv:5x2"), parse_folds("10")
    ((5, 2), (10, 1))
    """
    found = re.fullmatch(r"(?:cv:)?(\d+)(?:x(\d+))?", folds) if isinstance(folds, str) else None
    k, repeats = (int(found[1]), int(found[2] or 1)) if found else (0, 0)
    if k < 2 or repeats < 1:
        prefix = "cv:" if argument == "validation" else ""
        expected = f"'{prefix}k' or '{prefix}kxr' for r repeats, such as '{prefix}5x2', k >= 2"
        raise ValueError(message(argument, folds, expected))
    return k, repeats


def fold_masks(
    rows: Any,
    k: int,
    repeats: int,
    *,
    task: Task,
    hold_out_by: str,
    seed: int,
    origin: str,
) -> np.ndarray:
    """Return which rows each fold validates on, bool `(repeats * k, rows)`, repeat by repeat.

    The folds of a repeat are disjoint and contain all rows. They are stratified by `Task.strata`,
    if it has any, and keep the rows of a group together if the data is held out by groups.

    Args:
        rows: The rows to divide, an `ArraySplit`.
        k: The number of folds.
        repeats: The number of times to divide the rows, each in another way.
        task: The task of the targets.
        hold_out_by: As in `Source`.
        seed: The seed.
        origin: The source of the rows, for error messages.

    Raises:
        ValueError: If `k` or `repeats` is out of range.
        DataError: If the rows cannot be divided so that each fold is a fair validation part.
    """
    check_integer("k", k, minimum=2)
    check_integer("repeats", repeats, minimum=1)
    if not isinstance(rows, ArraySplit):
        raise DataError(
            f"{origin}: cross-validation needs data in memory. Received: "
            f"{'images from disk' if hasattr(rows, 'stored') else 'a dataset'}. "
            "Use a validation part."
        )
    if hold_out_by == "time":
        raise DataError(
            f"{origin}: rows in the order of time have no folds, since a model must not be trained "
            "on the future. Use a validation part."
        )
    strata = task.strata(rows.targets)
    units = rows.size
    if hold_out_by == "group":
        if rows.keys is None:
            raise DataError(f"{origin}: the groups of the validation part are not known.")
        units = len(np.unique(rows.keys))
    if units < k:
        what = "groups" if hold_out_by == "group" else "samples"
        raise DataError(f"{origin}: {k} folds need at least {k} {what}. Received: {units}.")
    if strata is not None and hold_out_by == "strata":
        counts = np.bincount(strata)
        smallest = min(np.flatnonzero(counts), key=lambda stratum: counts[stratum])
        if (count := counts[smallest]) < k:
            advice = f"Use {count} folds at most." if count > 1 else "Leave out this class."
            raise DataError(
                f"{origin}: each of {k} folds needs a sample of every class. Received: {count} "
                f"of {task.names[smallest]!r}. {advice}"
            )
    random = np.random.RandomState(seed)
    masks = np.array(
        [m for _ in range(repeats) for m in _repeat(rows, strata, hold_out_by, k, random)]
    )
    if strata is not None:
        for mask in masks:
            for stratum in np.setdiff1d(strata, strata[~mask]):
                raise DataError(
                    f"{origin}: a fold has no sample of class {task.names[stratum]!r} for "
                    "training, since all are in one group. Use fewer folds."
                )
    return masks


def _repeat(
    rows: ArraySplit, strata: np.ndarray | None, hold_out_by: str, k: int, random: Any
) -> Iterator[np.ndarray]:
    """Yield the masks of the folds of one repeat."""
    if hold_out_by == "group":
        keys: Any = rows.keys
        groups = np.unique(keys)
        for _, chosen in KFold(k, shuffle=True, random_state=random).split(groups):
            yield np.isin(keys, groups[chosen])
        return
    kind = KFold if strata is None else StratifiedKFold
    for _, chosen in kind(k, shuffle=True, random_state=random).split(rows.targets, strata):
        yield np.isin(np.arange(rows.size), chosen)
