"""`swapped`: an object with other attributes for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["swapped"]


@contextmanager
def swapped(owner: Any, **attributes: Any) -> Iterator[None]:
    """`owner` with other attributes inside, which Keras' tracking of attributes does not see.

    >>> import keras
    >>> layer = keras.layers.Dropout(0.5)
    >>> with swapped(layer, rate=0.1):
    ...     layer.rate
    0.1
    >>> layer.rate
    0.5
    """
    own = vars(owner)
    before = {name: own[name] for name in attributes if name in own}
    own.update(attributes)
    try:
        yield
    finally:
        for name in attributes:
            del own[name]
        own.update(before)
