"""Splits that depend on the seed alone and are the same in every process."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from ..tasks import Classification, DataError
from .source import Source
from .split import DatasetSplit, Split

TEST_FRACTION = 0.2
TEST_SEED = 0  # not the user's seed: the test part is the same for all seeds
_PARTS = ("training", "held-out rows")


def development_and_test(source: Source) -> tuple[Split, Split]:
    """Return the training and test part; without a test part, a fixed 20% of `train`."""
    if source.test is not None:
        return source.train, source.test
    if isinstance(source.train, DatasetSplit):
        raise DataError(f"{source.origin}: pass `test`, since no part of a dataset is held out.")
    parts = ("training", "validation", "test") if source.validation is None else _PARTS
    return hold_out(source.train, TEST_FRACTION, TEST_SEED, source, parts)


def hold_out(
    split: Any, fraction: float, seed: int, source: Source, parts: Sequence[str] = _PARTS
) -> tuple[Any, Any]:
    """Divide `split` into `(rest, held_out)`, both in the order of `split`.

    Args:
        split: The examples to divide, an `ArraySplit` or a `StreamSplit`.
        fraction: The fraction of the examples to hold out, in (0, 1).
        seed: The seed of the random choice.
        source: The source of the examples: how to divide them, and its name for messages.
        parts: The parts into which the examples are divided in the end; each needs a group.

    Raises:
        DataError: If there are too few samples, in total or of one class, or too few groups.
    """
    held_out = np.zeros(split.size, bool)
    strata = source.task.strata(split.targets)
    if source.hold_out_by != "strata":
        kind = {"time": "different times", "group": "groups"}[source.hold_out_by]
        found = len(np.unique(split.keys))
        if found < len(parts):
            raise DataError(
                f"{source.origin}: `split` needs at least {len(parts)} {kind}: one each for "
                f"{', '.join(parts[:-1])} and {parts[-1]}. Received: {found}."
            )
    if source.hold_out_by == "time":
        held_out[_latest(split.keys, fraction, source.origin)] = True
    elif source.hold_out_by == "group":
        held_out[_groups(split.keys, fraction, seed)] = True
    else:
        if strata is not None:
            _check_strata(strata, fraction, source)
        elif min(math.ceil(fraction * split.size), split.size - 1) < 1:
            raise DataError(f"{source.origin}: too few samples to split. Received: {split.size}.")
        held_out[hold_out_indices(split.size, fraction, seed, strata)] = True
    if strata is not None:
        _check_left(strata, held_out, source)
    return split.subset(~held_out), split.subset(held_out)


def hold_out_indices(
    size: int, fraction: float, seed: int, strata: np.ndarray | None = None
) -> np.ndarray:
    """Return the ascending indices of a random part of `size` samples, stratified by `strata`.

    Example:

    >>> strata = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> hold_out_indices(8, fraction=0.25, seed=0, strata=strata).tolist()
    [0, 7]
    """
    parts = train_test_split(
        np.arange(size), test_size=fraction, random_state=seed, stratify=strata
    )
    return np.sort(parts[1])


def _latest(times: np.ndarray, fraction: float, origin: str) -> np.ndarray:
    """Return the indices of the latest samples; all samples of one time are in one part."""
    first = np.sort(times)[len(times) - math.ceil(fraction * len(times))]
    latest = np.flatnonzero(times >= first)
    if len(latest) == len(times):
        raise DataError(
            f"{origin}: `split` leaves no row for training, since more than "
            f"{1 - fraction:.0%} of the rows have the first time, {times.min():g}."
        )
    return latest


def _groups(groups: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    split = GroupShuffleSplit(1, test_size=fraction, random_state=seed)
    return next(split.split(groups, groups=groups))[1]


def _check_strata(strata: np.ndarray, fraction: float, source: Source) -> None:
    names = source.task.names
    counts = np.bincount(strata, minlength=len(names))
    for name, count in zip(names, counts, strict=True):
        if count == 1:
            raise DataError(
                f"{source.origin}: a class needs at least 2 samples. Received: 1 of {name!r}."
                f"{_advice(source)}"
            )
    total, classes = counts.sum(), np.count_nonzero(counts)
    held_out = math.ceil(fraction * total)
    if min(held_out, total - held_out) < classes:
        raise DataError(
            f"{source.origin}: both parts of a split need at least one sample for each of the "
            f"{classes} classes. Received: {total} samples, of which a fraction of {fraction:g} "
            f"gives {total - held_out} and {held_out}.{_advice(source)}"
        )


def _check_left(strata: np.ndarray, held_out: np.ndarray, source: Source) -> None:
    for stratum in np.setdiff1d(strata, strata[~held_out]):
        name = source.task.names[stratum]
        raise DataError(
            f"{source.origin}: no sample of class {name!r} is left for training. Received: "
            f"{np.sum(strata == stratum)}, all of them held out.{_advice(source)}"
        )


def _advice(source: Source) -> str:
    """Return what to do about classes that were found, if they are numbers."""
    task = source.task
    numbers = isinstance(task, Classification) and not isinstance(task.classes[0], str)
    if not (numbers and source.task_found):
        return ""
    return " The targets were taken for classes; pass task='regression' if they are quantities."
