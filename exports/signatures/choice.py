"""`choose_signatures`: signatures by their names or as objects."""

from collections.abc import Sequence

from ..choice import choose
from .classify import Classify
from .embedding import Embedding
from .image_bytes import ImageBytes
from .logits import Logits
from .serving_default import ServingDefault
from .signature import Signature
from .uncertainty import Uncertainty

__all__ = ["choose_signatures"]

_KINDS = {
    kind.name: kind
    for kind in (ServingDefault, Logits, Embedding, ImageBytes, Classify, Uncertainty)
}


def choose_signatures(signatures: Sequence[str | Signature]) -> dict[str, Signature]:
    """The signatures by name, `serving_default` always the first.

    Args:
        signatures: names, for a signature with its defaults, or signatures.

    Raises:
        ValueError: a name is unknown, or given twice.
    """
    chosen = choose(signatures, Signature, _by_name)
    default = chosen.pop(ServingDefault.name, ServingDefault())
    return {ServingDefault.name: default, **chosen}


def _by_name(name: str) -> Signature:
    if name not in _KINDS:
        raise ValueError(f"Expected signatures among {list(_KINDS)}. Received: {name!r}")
    return _KINDS[name]()
