"""Formats of an export besides the SavedModel, checked by the same gates."""

from .conversion import check_formats, convert, run_format_gates
from .format import Format
from .litert import LiteRT
from .onnx import ONNX
from .openvino import OpenVINO
from .reading import open_format

__all__ = [
    "ONNX",
    "Format",
    "LiteRT",
    "OpenVINO",
    "check_formats",
    "convert",
    "open_format",
    "run_format_gates",
]
