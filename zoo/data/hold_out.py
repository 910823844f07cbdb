"""Stratified splits that depend on the seed alone and are the same in every process."""

import math
from typing import TypeVar

import numpy as np
from sklearn.model_selection import train_test_split

from .source import DataError, Source
from .split import ArraySplit, Split, StreamSplit

AnySplit = TypeVar("AnySplit", ArraySplit, StreamSplit)

TEST_FRACTION = 0.2
TEST_SEED = 0  # not the user's seed: the test part is the same for all seeds


def development_and_test(source: Source) -> tuple[Split, Split]:
    """Return the training and test part; without a test part, a fixed stratified 20% of `train`."""
    if source.test is not None:
        return source.train, source.test
    return hold_out(source.train, TEST_FRACTION, TEST_SEED, source)


def hold_out(
    split: AnySplit, fraction: float, seed: int, source: Source
) -> tuple[AnySplit, AnySplit]:
    """Divide `split` into `(rest, held_out)`, stratified and both in the order of `split`.

    Args:
        split: The examples to divide.
        fraction: The fraction of the examples to hold out, in (0, 1).
        seed: The seed of the random choice.
        source: The source of the examples, for error messages.

    Raises:
        DataError: If there are too few samples, in total or of one class.
    """
    counts = np.bincount(split.labels, minlength=len(source.class_names))
    _check_counts(counts, fraction, source)
    held_out = np.zeros(split.size, bool)
    held_out[hold_out_indices(split.labels, fraction, seed)] = True
    rest = split.subset(~held_out)
    left = np.bincount(rest.labels, minlength=len(counts))
    for name, remaining, count in zip(source.class_names, left, counts, strict=True):
        if count and not remaining:
            raise DataError(
                f"{source.origin}: no sample of class {name!r} is left for training. Received: "
                f"{count}, of which a fraction of {fraction:g} is held out."
            )
    return rest, split.subset(held_out)


def hold_out_indices(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Return the ascending indices of a stratified random part of `labels`.

    Example:

    >>> hold_out_indices(np.array([0, 0, 0, 0, 1, 1, 1, 1]), fraction=0.25, seed=0).tolist()
    [0, 7]
    """
    indices = np.arange(len(labels))
    parts = train_test_split(indices, test_size=fraction, random_state=seed, stratify=labels)
    return np.sort(parts[1])


def _check_counts(counts: np.ndarray, fraction: float, source: Source) -> None:
    for name, count in zip(source.class_names, counts, strict=True):
        if count == 1:
            raise DataError(
                f"{source.origin}: a class needs at least 2 samples. Received: 1 of {name!r}"
            )
    total, classes = counts.sum(), np.count_nonzero(counts)
    held_out = math.ceil(fraction * total)
    if min(held_out, total - held_out) < classes:
        raise DataError(
            f"{source.origin}: both parts of a split need at least one sample for each of the "
            f"{classes} classes. Received: {total} samples, of which a fraction of {fraction:g} "
            f"gives {total - held_out} and {held_out}."
        )
