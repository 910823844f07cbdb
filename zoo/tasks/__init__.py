"""Tasks: what a target is, and everything that follows from it."""

from .classification import Classification
from .given import Given
from .multilabel import Multilabel
from .recognize import recognize
from .regression import Regression
from .task import TASKS, DataError, Task, strings, target_array

__all__ = [
    "TASKS",
    "Classification",
    "DataError",
    "Given",
    "Multilabel",
    "Regression",
    "Task",
    "recognize",
    "strings",
    "target_array",
]
