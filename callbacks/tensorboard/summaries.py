"""TensorBoard's summaries of one value each, made without TensorFlow."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from tensorboard.plugins.histogram.summary_v2 import histogram_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar import metadata as scalar_metadata
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util import tensor_util

from .protos import DT_FLOAT, Summary, SummaryMetadata, TensorProto, TensorShapeProto

__all__ = ["entries", "histogram", "image", "keras_graph", "scalar", "scalars", "tensor", "text"]


_SHAPE = TensorShapeProto()
_SCALAR = scalar_metadata.create_summary_metadata(display_name="", description="")


def scalar(tag: str, value: Any) -> Summary:
    """A number.

    >>> scalar("loss/total", 2.5).value[0].tag
    'loss/total'
    """
    return scalars({tag: value})


def scalars(values: Mapping[str, Any]) -> Summary:
    """Numbers by tag, and arrays as `entries` makes numbers of them.

    An epoch has many: each takes a quarter of the time of TensorBoard's own function.
    """
    return Summary(
        value=[
            Summary.Value(tag=tag, metadata=_SCALAR, tensor=_number(value))
            for tag, value in entries(values).items()
        ]
    )


def entries(values: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers by tag: an array of one is a number, any other has a tag for each entry.

    Metrics may give arrays, as `F1Score` does, one value a class.

    >>> entries({"loss": 0.5, "f1_score": np.array([0.25, 0.75])})
    {'loss': 0.5, 'f1_score/0': 0.25, 'f1_score/1': 0.75}
    """
    found = {}
    for tag, value in values.items():
        if not len(getattr(value, "shape", ())):  # a number, mostly
            found[tag] = value
            continue
        array = np.asarray(keras.ops.convert_to_numpy(value))
        for index, entry in np.ndenumerate(array):
            place = "" if array.size == 1 else "/" + "/".join(map(str, index))
            found[tag + place] = float(entry)
    return found


def _number(value: Any) -> TensorProto:
    return TensorProto(dtype=DT_FLOAT, tensor_shape=_SHAPE, float_val=[float(value)])


def histogram(tag: str, values: Any) -> Summary:
    """The distribution of the finite ones among some numbers.

    Of one NaN or infinity TensorBoard's own function warns, and makes bins that have no bounds.
    """
    values = np.asarray(values, "float64").ravel()
    return histogram_pb(tag, values[np.isfinite(values)])


def text(tag: str, markdown: str) -> Summary:
    """A text in Markdown."""
    return text_pb(tag, markdown)


def image(tag: str, png: bytes, size: tuple[int, int]) -> Summary:
    """A picture of `size` (width, height) in pixels."""
    metadata = image_metadata.create_summary_metadata(display_name=None, description=None)
    return tensor(tag, [str(size[0]).encode(), str(size[1]).encode(), png], metadata)


def keras_graph(json: str) -> Summary:
    """A model's configuration, which the Graphs tab shows as its conceptual graph."""
    metadata = SummaryMetadata()
    metadata.plugin_data.plugin_name = "graph_keras_model"
    metadata.plugin_data.content = b"1"
    return tensor("keras", json.encode(), metadata)


def tensor(tag: str, value: bytes | Sequence[bytes] | Any, metadata: SummaryMetadata) -> Summary:
    """A value with the metadata that say which of TensorBoard's plugins it is for."""
    summary = Summary()
    summary.value.add(tag=tag, metadata=metadata, tensor=tensor_util.make_tensor_proto(value))
    return summary
