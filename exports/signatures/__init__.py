"""What an export can be asked: one signature a file."""

from .choice import choose_signatures
from .classify import Classify
from .embedding import Embedding
from .image_bytes import ImageBytes
from .logits import Logits
from .serving_default import ServingDefault
from .signature import Signature
from .uncertainty import Uncertainty

__all__ = [
    "Classify",
    "Embedding",
    "ImageBytes",
    "Logits",
    "ServingDefault",
    "Signature",
    "Uncertainty",
    "choose_signatures",
]
