"""`mixer_s16`: dense layers over the patches of an image and over their channels."""

from typing import Any

import keras

from ..regularization import Regularization
from .blocks import num_patches
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, RESIDUAL, Wiring


@register_model(
    "mixer_s16",
    supports=(*KERNELS, *ACTIVATIONS, *RESIDUAL),
    presets={
        "light": Regularization(weight_decay=0.05),
        "medium": Regularization(weight_decay=0.05, stochastic_depth=0.1, label_smoothing=0.1),
        "strong": Regularization(
            weight_decay=0.1, stochastic_depth=0.1, label_smoothing=0.1, mixup=0.2
        ),
    },
    ranks=(3,),
    reference="Tolstikhin et al., MLP-Mixer: An all-MLP Architecture for Vision, 2021, "
    "https://arxiv.org/abs/2105.01601",
)
def mixer_s16(
    inputs,
    num_classes,
    wiring: Wiring,
    *,
    patch_size=4,
    width=512,
    depth=8,
    tokens_units=256,
    channels_units=2048,
):
    """Patches, blocks that mix patches and then channels, the mean over the patches, the logits.

    Mixer-S/16, 18.5 M parameters, has `patch_size=16`, images of 224 x 224 pixels and 1000 classes.
    Use smaller patches and fewer units for small images.
    """
    rows, columns = num_patches(inputs, patch_size)
    x = wiring.conv(wiring.noise(inputs), width, patch_size, strides=patch_size)
    x = keras.layers.Reshape((rows * columns, width))(x)
    for rate in wiring.depth_rates(depth):
        across = keras.layers.Permute((2, 1))(wiring.norm(x, "layer"))
        across = keras.layers.Permute((2, 1))(_dense_pair(across, tokens_units, wiring))
        x = wiring.add(x, across, rate)
        x = wiring.add(x, _dense_pair(wiring.norm(x, "layer"), channels_units, wiring), rate)
    x = keras.layers.GlobalAveragePooling1D()(wiring.norm(x, "layer"))
    return wiring.head(wiring.dropout(x), num_classes)


def _dense_pair(x, units: int, wiring: Wiring) -> Any:
    """Apply `W_2 gelu(W_1 x)` over the last axis."""
    width = x.shape[-1]
    x = wiring.dropout(wiring.activation(wiring.dense(x, units), "gelu"))
    return wiring.dense(x, width, init="glorot")
