"""`convnext_tiny`: a convolutional network with the design of a transformer."""

from typing import Any

import keras

from ..regularization import Regularization
from .blocks import LayerScale, num_patches
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring


@register_model(
    "convnext_tiny",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
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
    min_size=4,
    reference="Liu et al., A ConvNet for the 2020s, 2022, https://arxiv.org/abs/2201.03545",
)
def convnext_tiny(
    inputs,
    num_classes,
    wiring: Wiring,
    *,
    patch_size=4,
    depths=(3, 3, 9, 3),
    widths=(96, 192, 384, 768),
    layer_scale=1e-6,
    norm: Norm = "layer",
):
    """A stem of patches, stages of blocks with downsampling between, the mean, the logits.

    28.6 M parameters for 1000 classes. Use `patch_size=1` or 2 for images of 32 x 32 pixels.
    """
    num_patches(inputs, patch_size)  # raises if the patches do not fill the image
    x = _downsample(wiring.noise(inputs), widths[0], patch_size, wiring)
    x = wiring.norm(x, norm)
    rates = wiring.depth_rates(sum(depths))
    for stage, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if stage > 0:
            x = _downsample(wiring.norm(x, norm), width, 2, wiring)
        for _ in range(depth):
            x = wiring.drop_maps(_block(x, next(rates), wiring, layer_scale, norm))
    x = wiring.norm(keras.layers.GlobalAveragePooling2D()(x), "layer")
    return wiring.head(wiring.dropout(x), num_classes)


def _downsample(x, width: int, size: int, wiring: Wiring) -> Any:
    size = min(size, *x.shape[1:3])  # keeps a map of one pixel
    return wiring.conv(x, width, size, strides=size)


def _block(x, rate: float, wiring: Wiring, layer_scale: float, norm: Norm) -> Any:
    """`x + scale * W_2 gelu(W_1 norm(depthwise(x)))`."""
    width = x.shape[-1]
    branch = wiring.norm(wiring.depthwise(x, 7), norm)
    branch = wiring.activation(wiring.dense(branch, 4 * width), "gelu")
    branch = LayerScale(layer_scale)(wiring.dense(branch, width, init="glorot"))
    return wiring.add(x, branch, rate)
