"""`count`: a number with its noun."""

__all__ = ["count"]


def count(number: int, noun: str) -> str:
    """The number and the noun, in the plural unless it is one.

    >>> count(1, "epoch"), count(3, "epoch")
    ('1 epoch', '3 epochs')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
