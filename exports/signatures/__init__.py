"""The signatures of an export: functions from features to answers by name."""

from .embedding import Embedding
from .image_bytes import ImageBytes
from .signature import Classify, Logits, ServingDefault, Signature
from .uncertainty import Uncertainty

__all__ = [
    "Classify",
    "Embedding",
    "ImageBytes",
    "Logits",
    "ServingDefault",
    "Signature",
    "Uncertainty",
]
