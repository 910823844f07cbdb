"""The messages of TensorBoard that we write; they are generated, and type checkers miss them."""

from typing import TYPE_CHECKING, Any

__all__ = [
    "DT_FLOAT",
    "STATUS_SUCCESS",
    "Event",
    "Layout",
    "ProjectorConfig",
    "Summary",
    "SummaryMetadata",
    "TensorProto",
    "TensorShapeProto",
]

if TYPE_CHECKING:

    class Message(Any):
        """Any message."""

    Event = Message
    Layout = Message
    ProjectorConfig = Message
    Summary = Message
    SummaryMetadata = Message
    TensorProto = Message
    TensorShapeProto = Message
    DT_FLOAT: Any
    STATUS_SUCCESS: Any
else:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_FLOAT
    from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
    from tensorboard.plugins.hparams.api_pb2 import STATUS_SUCCESS
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
