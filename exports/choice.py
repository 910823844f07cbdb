"""`choose`: things that are given by their names or as objects."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["Named", "choose"]


class Named(Protocol):
    """What has a name."""

    name: str


T = TypeVar("T", bound=Named)


def choose(
    given: str | T | Sequence[str | T], kind: type[T], make: Callable[[str], T]
) -> dict[str, T]:
    """The things by their names, in the order given.

    Args:
        given: names, for a thing with its defaults, and things, or one of them.
        kind: of the things.
        make: the thing of a name.

    Raises:
        TypeError: there is something else among them.
        ValueError: a name is given twice.
    """
    what = kind.__name__.lower()
    chosen: dict[str, T] = {}
    several: Any = [given] if isinstance(given, str | kind) else given
    for each in several:
        thing = make(each) if isinstance(each, str) else each
        if not isinstance(thing, kind):
            raise TypeError(f"Expected a {what} or its name. Received: {thing!r}")
        if thing.name in chosen:
            raise ValueError(f"Expected each {what} once. Received: {thing.name!r} twice")
        chosen[thing.name] = thing
    return chosen
