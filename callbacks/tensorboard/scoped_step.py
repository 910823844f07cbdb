"""`ScopedStep`: one step of a model with a default summary writer."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import keras


class ScopedStep:
    """Let the next call of a model's step function write summaries of its own.

    Keras' callback makes its writer the default between the hooks before and after a batch, and
    leaves it so if the step raises. Here it is the default only during the call.

    Args:
        model: The model, whose function is replaced until it is called or `undo` is.
        name: "train_function" or "test_function".
        enter: A function that returns the context managers of the call.
        failed: Called when the step raises, except at the end of the data.
    """

    def __init__(
        self,
        model: keras.Model,
        name: str,
        enter: Callable[[], list[Any]],
        failed: Callable[[], None],
    ):
        self.model, self.name = model, name
        self.function: Any = getattr(model, name, None)
        self.enter, self.failed = enter, failed
        if self.function is not None:
            setattr(model, name, self._call)

    def undo(self) -> None:
        """Give the model its function back."""
        if self.function is not None:
            setattr(self.model, self.name, self.function)

    def _call(self, *args: Any) -> Any:
        self.undo()
        with ExitStack() as stack:
            for context in self.enter():
                stack.enter_context(context)
            try:
                return self.function(*args)
            except BaseException as error:
                if type(error).__name__ not in ("StopIteration", "OutOfRangeError"):
                    self.failed()
                raise
