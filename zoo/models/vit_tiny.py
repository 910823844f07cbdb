"""`vit_tiny`: a vision transformer."""

from typing import Any

import keras

from ..regularization import Regularization
from .blocks import ClassToken, PositionEmbedding, num_patches, self_attention
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, RESIDUAL, Wiring


@register_model(
    "vit_tiny",
    supports=(*KERNELS, *ACTIVATIONS, *RESIDUAL),
    presets={
        "light": Regularization(weight_decay=0.05),
        "medium": Regularization(weight_decay=0.05, stochastic_depth=0.1, label_smoothing=0.1),
        "strong": Regularization(
            weight_decay=0.05,
            stochastic_depth=0.1,
            label_smoothing=0.1,
            augmentation="light",
            mixup=0.2,
        ),
    },
    ranks=(3,),
    reference="Dosovitskiy et al., An Image is Worth 16x16 Words: Transformers for Image "
    "Recognition at Scale, 2021, https://arxiv.org/abs/2010.11929",
)
def vit_tiny(inputs, num_classes, wiring: Wiring, *, patch_size=4, width=192, depth=12, heads=3):
    """Patches, a class token and positions, blocks of attention and two dense layers, the logits.

    Normalization precedes each branch. The ViT-Ti/16 of Touvron et al. 2021, 5.7 M parameters, has
    `patch_size=16`, images of 224 x 224 pixels and 1000 classes.
    """
    rows, columns = num_patches(inputs, patch_size)
    x = wiring.conv(wiring.noise(inputs), width, patch_size, strides=patch_size)
    x = keras.layers.Reshape((rows * columns, width))(x)
    x = ClassToken(seed=wiring.seed())(x)
    x = wiring.dropout(PositionEmbedding(seed=wiring.seed())(x))
    for rate in wiring.depth_rates(depth):
        x = wiring.add(x, self_attention(wiring.norm(x, "layer"), heads, wiring), rate)
        x = wiring.add(x, _feed_forward(wiring.norm(x, "layer"), wiring), rate)
    return wiring.head(wiring.norm(x, "layer")[:, 0], num_classes)


def _feed_forward(x, wiring: Wiring) -> Any:
    width = x.shape[-1]
    x = wiring.dropout(wiring.activation(wiring.dense(x, 4 * width), "gelu"))
    return wiring.dropout(wiring.dense(x, width, init="glorot"))
