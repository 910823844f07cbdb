"""What several architectures are made of."""

from .attention import self_attention
from .layer_scale import LayerScale
from .tokens import ClassToken, FeatureTokenizer, PositionEmbedding, patches

__all__ = [
    "ClassToken",
    "FeatureTokenizer",
    "LayerScale",
    "PositionEmbedding",
    "patches",
    "self_attention",
]
