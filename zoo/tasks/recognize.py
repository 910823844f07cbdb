"""`recognize`: find the task from the targets, or refuse to guess."""

from collections.abc import Sequence

import numpy as np

from ...core.checks import check_one_of
from .classification import Classification
from .multilabel import Multilabel
from .regression import Regression
from .task import TASKS, DataError, Task, target_array

MAX_INTEGER_CLASSES = 100  # as in CIFAR-100
MAX_FLOAT_CLASSES = 20


def recognize(
    targets: np.ndarray,
    field: str,
    *,
    task: str | None = None,
    names: Sequence[str] | None = None,
) -> Task:
    """Return the task of the targets of a source, before validation and test are held out of it.

    =====================================================  ==============
    targets                                                task
    =====================================================  ==============
    strings, booleans                                      classification
    integers of at most 100 values                         classification
    floats that are whole numbers of at most 20 values     classification
    other floats                                           regression
    rows of 0 and 1, each with a single 1                  classification
    other rows of 0 and 1                                  multilabel
    rows of fractions that are not probabilities           regression
    =====================================================  ==============

    Args:
        targets: The targets, `(n,)` or `(n, columns)`.
        field: The source of the targets, for error messages.
        task: "classification", "multilabel" or "regression", to tell the task.
        names: The names of the columns of `targets`, if they have names.

    Raises:
        DataError: (a ValueError) If the targets could mean two things, or do not suit `task`.

    Example:

    >>> recognize(np.array([0.5, 1.5]), "y").kind, recognize(np.array([0, 1]), "y").kind
    ('regression', 'classification')
    >>> recognize(np.arange(200), "y")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    occam.zoo.tasks.task.DataError: y: 200 different integers could be classes or quantities...
    """
    targets = target_array(targets)
    if task is None:
        task = _kind(targets, field)
    check_one_of("task", task, tuple(TASKS))
    return TASKS[task].fit(targets, field, names)


def _kind(targets: np.ndarray, field: str) -> str:
    rows = targets.ndim == 2 and targets.shape[1] > 1
    if targets.dtype.kind not in "iuf" and not (rows and targets.dtype.kind == "b"):
        return Classification.kind
    distinct = np.unique(targets)
    if rows:
        sums = targets.sum(axis=1)
        if np.isin(distinct, (0, 1)).all():
            return Classification.kind if (sums == 1).all() else Multilabel.kind
        probabilities = distinct.min() >= 0 and np.allclose(sums, 1, atol=1e-3)
        if targets.dtype.kind == "f" and not probabilities and (distinct % 1 != 0).any():
            return Regression.kind
        what = "rows that sum to 1" if probabilities else "rows of whole numbers"
        raise DataError(
            f"{field}: {what} could be classes or quantities. Pass task='regression' for "
            "quantities; for classes, pass class numbers (such as the argmax of each row)."
        )
    whole = np.isfinite(distinct).all() and (distinct == np.rint(distinct)).all()
    if not whole:
        return Regression.kind
    floats = targets.dtype.kind == "f"
    if len(distinct) <= (MAX_FLOAT_CLASSES if floats else MAX_INTEGER_CLASSES):
        return Classification.kind
    raise DataError(
        f"{field}: {len(distinct)} different {'whole numbers' if floats else 'integers'} could be "
        "classes or quantities. Pass task='classification' or task='regression'."
    )
