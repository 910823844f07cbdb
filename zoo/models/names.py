"""`fresh_layer_names`: the same automatic layer names in every process."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from keras.src.backend.common import global_state

__all__ = ["fresh_layer_names"]

_COUNTERS = "object_name_uids"  # in Keras 3.15, how often each automatic name was given


@contextmanager
def fresh_layer_names() -> Iterator[None]:
    """Let Keras number automatic names as in a new process, within the context.

    Names such as `dense_1` stand in logs, histories and charts: runs can be compared by them, and a
    resumed run goes on with its own. Afterwards the names that were given here are not given again.
    """
    outside = global_state.get_global_attribute(_COUNTERS) or {}
    inside: defaultdict[str, int] = defaultdict(int)
    global_state.set_global_attribute(_COUNTERS, inside)
    try:
        yield
    finally:
        names = {*outside, *inside}
        largest = {name: max(outside.get(name, 0), inside.get(name, 0)) for name in names}
        global_state.set_global_attribute(_COUNTERS, defaultdict(int, largest))
