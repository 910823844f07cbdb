"""`tcn`: a temporal convolutional network, causal and dilated."""

from ..regularization import Regularization
from .architecture import SCARCE_SERIES
from .registry import register_model
from .wiring import ACTIVATIONS, KERNELS, MAPS, RESIDUAL, Norm, Wiring


@register_model(
    "tcn",
    supports=(*KERNELS, *ACTIVATIONS, *MAPS, *RESIDUAL),
    presets={
        "light": Regularization(augmentation="light"),
        "medium": Regularization(noise=0.1, augmentation="light"),
        "strong": Regularization(noise=0.1, dropout=0.1, augmentation="medium"),
    },
    other_presets={"scarce": SCARCE_SERIES},
    ranks=(2,),
    reference="Bai, Kolter & Koltun, An Empirical Evaluation of Generic Convolutional and "
    "Recurrent Networks for Sequence Modeling, 2018, https://arxiv.org/abs/1803.01271",
)
def tcn(
    inputs, num_classes, wiring: Wiring, *, width=25, levels=4, kernel_size=5, norm: Norm = "batch"
):
    """Residual blocks of causal convolutions with dilation 1, 2, 4, ..., the last step's logits.

    The last step sees `1 + 2 (kernel_size - 1) (2^levels - 1)` steps. The paper's network for
    sequential MNIST has 8 levels and kernels of 7. It normalizes the weights instead of the batch,
    with the same number of parameters.
    """
    x = wiring.noise(inputs)
    for level, rate in enumerate(wiring.depth_rates(levels)):
        branch = x
        for _ in range(2):
            branch = wiring.conv(
                branch, width, kernel_size, padding="causal", dilation_rate=2**level, use_bias=False
            )
            branch = wiring.dropout(wiring.relu(wiring.norm(branch, norm)))
        if x.shape[-1] != width:
            x = wiring.conv(x, width, 1)
        x = wiring.drop_maps(wiring.relu(wiring.add(x, branch, rate)))
    return wiring.head(x[:, -1], num_classes)
