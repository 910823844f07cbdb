"""`Training`: what a model cannot know of how it is trained and used."""

import numbers
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import keras

__all__ = ["Targets", "Training"]

Targets = Literal["hard", "smoothed", "mixed", "distilled"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The optional arguments of `zoo.lint`, checked; they are described there.

    Raises:
        ValueError: an argument is out of range; the message says which and what came.
    """

    callbacks: tuple[keras.callbacks.Callback, ...] = ()
    batch_size: int | None = None
    targets: Targets = "hard"
    for_export: bool = False
    expect_zeros: bool = False

    def __post_init__(self):
        if not isinstance(self.callbacks, Iterable):
            raise ValueError(
                f"callbacks must be a list of callbacks. Received: callbacks={self.callbacks!r}"
            )
        object.__setattr__(self, "callbacks", tuple(self.callbacks))
        for callback in self.callbacks:
            if not isinstance(callback, keras.callbacks.Callback):
                raise ValueError(
                    f"callbacks must be a list of callbacks. Received among them: {callback!r}"
                )
        if self.batch_size is not None and not _positive(self.batch_size):
            raise ValueError(
                "batch_size must be a positive integer or None. "
                f"Received: batch_size={self.batch_size!r}"
            )
        if self.targets not in get_args(Targets):
            raise ValueError(
                f"targets must be one of {', '.join(get_args(Targets))}. "
                f"Received: targets={self.targets!r}"
            )


def _positive(number: object) -> bool:
    whole = isinstance(number, numbers.Integral) and not isinstance(number, bool)
    return whole and number > 0
