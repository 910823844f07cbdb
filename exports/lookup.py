"""Look-up of signatures and formats by name."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ..core.checks import check_one_of, check_type
from .errors import ExportError
from .formats import ONNX, Format, LiteRT, OpenVINO
from .signatures import (
    Classify,
    Embedding,
    ImageBytes,
    Logits,
    ServingDefault,
    Signature,
    Uncertainty,
)

T = TypeVar("T", Signature, Format)

_SIGNATURES: dict[str, Callable[[], Signature]] = {
    kind.name: kind
    for kind in (ServingDefault, Logits, Embedding, ImageBytes, Classify, Uncertainty)
}
_FORMATS: dict[str, Callable[[], Format]] = {
    "litert": LiteRT,
    "litert_float16": functools.partial(LiteRT, "float16"),
    "litert_dynamic": functools.partial(LiteRT, "dynamic"),
    "onnx": ONNX,
    "openvino": OpenVINO,
}


def choose_signatures(signatures: Sequence[str | Signature]) -> dict[str, Signature]:
    """Return the signatures by name, `serving_default` first."""
    chosen = _choose("signatures", signatures, Signature, _SIGNATURES)
    default = chosen.pop(ServingDefault.name, ServingDefault())
    return {ServingDefault.name: default, **chosen}


def choose_formats(formats: Sequence[str | Format]) -> tuple[Format, ...]:
    """Return the formats, in the order given; raise an `ExportError` for `"litert_int8"`."""
    if "litert_int8" in ([formats] if isinstance(formats, str | Format) else formats):
        raise ExportError(
            "The format 'litert_int8' needs data. Pass "
            "exports.LiteRT('int8', calibration={'inputs': x}) with features by input name"
        )
    return tuple(_choose("formats", formats, Format, _FORMATS).values())


def _choose(
    argument: str,
    given: str | T | Sequence[str | T],
    kind: type[T],
    by_name: Mapping[str, Callable[[], T]],
) -> dict[str, T]:
    """Return instances by name; raise a `TypeError` or `ValueError` unless all are known once."""
    several: Any = [given] if isinstance(given, str | kind) else given
    chosen: dict[str, T] = {}
    for each in several:
        if isinstance(each, str):
            check_one_of(argument, each, by_name)
            thing = by_name[each]()
        else:
            check_type(argument, each, kind, f"names or instances of exports.{kind.__name__}")
            thing = each
        if thing.name in chosen:
            raise ValueError(f"`{argument}` must differ. Received: {thing.name!r} twice")
        chosen[thing.name] = thing
    return chosen
