"""`choose`: signatures by their names or as objects."""

from collections.abc import Sequence

from .classify import Classify
from .embedding import Embedding
from .image_bytes import ImageBytes
from .logits import Logits
from .serving_default import ServingDefault
from .signature import Signature
from .uncertainty import Uncertainty

__all__ = ["choose"]

_KINDS = {
    kind.name: kind
    for kind in (ServingDefault, Logits, Embedding, ImageBytes, Classify, Uncertainty)
}


def choose(signatures: Sequence[str | Signature]) -> dict[str, Signature]:
    """The signatures by name, `serving_default` always the first.

    Args:
        signatures: names, for a signature with its defaults, or signatures.

    Raises:
        ValueError: a name is unknown, or given twice.
    """
    chosen: dict[str, Signature] = {}
    given = [signatures] if isinstance(signatures, str | Signature) else signatures
    for each in given:
        signature = each if isinstance(each, Signature) else _by_name(each)
        if signature.name in chosen:
            raise ValueError(f"Expected each signature once. Received: {signature.name!r} twice")
        chosen[signature.name] = signature
    default = chosen.pop(ServingDefault.name, ServingDefault())
    return {ServingDefault.name: default, **chosen}


def _by_name(name: str) -> Signature:
    if name not in _KINDS:
        raise ValueError(f"Expected signatures among {list(_KINDS)}. Received: {name!r}")
    return _KINDS[name]()
