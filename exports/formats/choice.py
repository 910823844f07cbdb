"""`choose_formats`: formats by their names or as objects."""

import functools
from collections.abc import Callable, Sequence

from ..choice import choose
from ..errors import ExportError
from .format import Format
from .litert import LiteRT
from .onnx import ONNX
from .openvino import OpenVINO

__all__ = ["choose_formats"]

_BY_NAME: dict[str, Callable[[], Format]] = {
    "litert": LiteRT,
    "litert_float16": functools.partial(LiteRT, "float16"),
    "litert_dynamic": functools.partial(LiteRT, "dynamic"),
    "onnx": ONNX,
    "openvino": OpenVINO,
}


def choose_formats(formats: Sequence[str | Format]) -> tuple[Format, ...]:
    """The formats, in the order given.

    Args:
        formats: names, for a format with its defaults, or formats.

    Raises:
        ValueError: a name is unknown, or given twice.
        ExportError: `"litert_int8"`, which needs data.
    """
    return tuple(choose(formats, Format, _by_name).values())


def _by_name(name: str) -> Format:
    if name == "litert_int8":
        raise ExportError(
            "Expected exports.LiteRT('int8', calibration=...) with features by input name, from "
            f"which the scales of the integers are taken. Received: {name!r}"
        )
    if name not in _BY_NAME:
        raise ValueError(f"Expected formats among {list(_BY_NAME)}. Received: {name!r}")
    return _BY_NAME[name]()
