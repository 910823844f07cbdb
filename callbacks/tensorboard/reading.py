"""Reading scalars back from TensorBoard's event files."""

import os
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util import tensor_util

__all__ = ["read_scalars", "runs_of"]

Curve = dict[int, float]


def runs_of(directory: str | os.PathLike[str]) -> list[Path]:
    """The directories with event files, at or below a directory, in order.

    Raises:
        FileNotFoundError: there is no such directory, or no event file in it.
    """
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is not there, or is no directory")
    found = sorted({path.parent for path in root.rglob("*tfevents*") if path.is_file()})
    if not found:
        raise FileNotFoundError(f"{root} holds no TensorBoard logs")
    return found


def read_scalars(directory: str | os.PathLike[str]) -> dict[str, Curve]:
    """The scalars of one run: by tag, the value at each step; the last one where there are more.

    Args:
        directory: the one that holds the event files.

    >>> import tempfile
    >>> from occam.callbacks.tensorboard.event_file import EventFile
    >>> from occam.callbacks.tensorboard.summaries import scalar
    >>> directory = tempfile.mkdtemp()
    >>> EventFile(directory).add(3, scalar("loss/total", 2.5))
    >>> read_scalars(directory)
    {'loss/total': {3: 2.5}}
    """
    events = EventAccumulator(str(directory), size_guidance={TENSORS: 0}).Reload()
    curves = {}
    for tag in events.Tags()["tensors"]:
        if events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars":
            curves[tag] = {
                event.step: float(tensor_util.make_ndarray(event.tensor_proto))
                for event in events.Tensors(tag)
            }
    return curves
