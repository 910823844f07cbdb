"""A trial server with the REST and gRPC APIs of TensorFlow Serving."""

from .repository import Repository, VersionStatus
from .request import Limits
from .server import Server

__all__ = ["Limits", "Repository", "Server", "VersionStatus"]
