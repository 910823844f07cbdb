"""Serving exports on this machine, as TensorFlow Serving does."""

from .repository import Repository, VersionStatus
from .server import Server

__all__ = ["Repository", "Server", "VersionStatus"]
