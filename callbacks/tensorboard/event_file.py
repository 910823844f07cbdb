"""`EventFile`: TensorBoard's events of one run, in a file that is never left open."""

import itertools
import os
import socket
import time
from collections.abc import Iterable
from typing import Any

from tensorboard.summary.writer.record_writer import RecordWriter

from .protos import Event, Summary

__all__ = ["EventFile"]

_NUMBERS = itertools.count()  # two files of one second and process have different names


class EventFile:
    """Appends to an event file, which is made by the first event and closed after each call.

    The writers of `tf.summary` are open from their first event to an explicit `close`, which does
    not come when `fit` raises, and they cannot be copied; this has nothing but a path.

    Args:
        directory: of the run, local or any that `tf.io.gfile` knows; made if it is missing.

    >>> import tempfile
    >>> from occam.callbacks.tensorboard.summaries import scalar
    >>> directory = tempfile.mkdtemp()
    >>> EventFile(directory).add(0, scalar("loss/total", 2.5))
    >>> [name.split(".")[2] for name in os.listdir(directory)]
    ['tfevents']
    """

    def __init__(self, directory: str | os.PathLike[str]):
        self.directory = str(directory)
        self.path: str | None = None

    def add(self, step: int, *summaries: Summary) -> None:
        """Appends summaries of a step."""
        self._append(Event(step=int(step), summary=summary) for summary in summaries)

    def add_graph(self, graph: bytes) -> None:
        """Appends a serialized `GraphDef`."""
        self._append([Event(graph_def=graph)])

    def _append(self, events: Iterable[Event]) -> None:
        from tensorboard.compat import tf

        files: Any = tf.io.gfile
        first = self.path is None
        if first:
            files.makedirs(self.directory)
            self.path = os.path.join(self.directory, _name())
        with files.GFile(self.path, "ab") as file:
            writer = RecordWriter(file)
            for event in [*([Event(file_version="brain.Event:2")] if first else []), *events]:
                event.wall_time = time.time()
                writer.write(event.SerializeToString())


def _name() -> str:
    parts = (f"{int(time.time()):010d}", socket.gethostname(), os.getpid(), next(_NUMBERS))
    return ".".join(["events.out.tfevents", *map(str, parts), "v2"])
