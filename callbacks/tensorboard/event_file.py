"""TensorBoard's event files: `EventFile` writes them, `read_scalars` reads them back."""

import itertools
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event  # pyright: ignore
from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore
from tensorboard.summary.writer.record_writer import RecordWriter
from tensorboard.util import tensor_util

Curve = dict[int, float]

_NUMBERS = itertools.count()  # distinguishes files of one process and second


class EventFile:
    """An event file of one run, created by the first event and closed after each call.

    Unlike a writer of `tf.summary`, it does not stay open when `fit` raises, and can be copied.

    Args:
        directory: The directory of the run.
        suffix: The end of the name of the file.
    """

    def __init__(self, directory: str | os.PathLike[str], *, suffix: str = ".v2"):
        self.directory = str(directory)
        self.suffix = suffix
        self.path: str | None = None

    def add(self, step: int, *summaries: Summary) -> None:
        """Append the summaries of a step."""
        self._append(Event(step=int(step), summary=summary) for summary in summaries)

    def add_graph(self, graph: bytes) -> None:
        """Append a serialized `GraphDef`."""
        self._append([Event(graph_def=graph)])

    def _append(self, events: Iterable[Event]) -> None:
        from tensorboard.compat import tf

        files: Any = tf.io.gfile
        events = list(events)
        if self.path is None:
            unique = (f"{int(time.time()):010d}", socket.gethostname(), os.getpid(), next(_NUMBERS))
            name = ".".join(["events.out.tfevents", *map(str, unique)]) + self.suffix
            files.makedirs(self.directory)
            self.path = os.path.join(self.directory, name)
            events.insert(0, Event(file_version="brain.Event:2"))
        with files.GFile(self.path, "ab") as file:
            writer = RecordWriter(file)
            for event in events:
                event.wall_time = time.time()
                writer.write(event.SerializeToString())


def read_scalars(directory: str | os.PathLike[str]) -> dict[str, Curve]:
    """Return the curves of a run by tag, with the last value at each step."""
    events = EventAccumulator(str(directory), size_guidance={TENSORS: 0}).Reload()
    return {
        tag: {
            event.step: float(tensor_util.make_ndarray(event.tensor_proto))
            for event in events.Tensors(tag)
        }
        for tag in events.Tags()["tensors"]
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
    }


def runs_of(directory: str | os.PathLike[str]) -> list[Path]:
    """Return the directories with event files at or below a directory, sorted.

    Raises:
        FileNotFoundError: If the directory does not exist or has no event files.
    """
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"Could not read '{root}': the directory does not exist.")
    found = sorted({path.parent for path in root.rglob("*tfevents*") if path.is_file()})
    if not found:
        raise FileNotFoundError(f"Could not read '{root}': it contains no TensorBoard logs.")
    return found
