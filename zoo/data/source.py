"""What every reader returns: the raw data, before it is split and preprocessed."""

from dataclasses import dataclass

from .split import Split

__all__ = ["TEST_NAMES", "TRAIN_NAMES", "VALIDATION_NAMES", "Source"]

# How files and folders call the parts.
TRAIN_NAMES = ("train",)
VALIDATION_NAMES = ("val", "valid", "validation")
TEST_NAMES = ("test",)


@dataclass(frozen=True, eq=False)
class Source:
    """Raw examples as they were found.

    Args:
        origin: where they are from: a file, a directory or a builder and its version.
        class_names: one name for each class, in the order of the labels.
        train: the part to train on, and to validate on if `validation` is `None`.
        test: the part to test on, or `None` where the source has none.
        validation: the part to validate on, or `None` where the source has none.
    """

    origin: str
    class_names: tuple[str, ...]
    train: Split
    test: Split | None = None
    validation: Split | None = None
