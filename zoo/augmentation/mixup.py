"""`MixUp`: convex combinations of two samples and their labels."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .beta import symmetric_beta
from .mixing import Mixing

__all__ = ["MixUp"]


@keras.saving.register_keras_serializable(package="occam")
class MixUp(Mixing):
    """Mixes samples and labels in training; otherwise leaves samples and makes labels soft.

        x' = lambda x + (1 - lambda) flip(x),    lambda ~ Beta(alpha, alpha)

    and the same for the labels. The partner is taken from the reversed batch, as in timm; the
    paper permutes the batch, which is the same for a shuffled data set.

    Args:
        num_classes: the number of classes, at least 2.
        alpha: parameter of the Beta distribution, assignable at any time; 0 mixes nothing.
            The paper has 0.1 to 0.4 on ImageNet and 1 on CIFAR.
        per: "batch", "pair" or "element" shares a lambda.
        seed: integer seed of the draws; `None` draws one.

    Shapes: `(x, y)`: x `(batch, features)`, `(batch, steps, channels)` or `(batch, height, width,
    channels)`; y integers `(batch,)` or one-hot or soft labels `(batch, num_classes)`. Returns x
    in its shape and type, and y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: an argument, the rank of x or the form of y is none of these.

    Example: two samples of different classes, mixed with one lambda.

    >>> import numpy as np
    >>> x, y = MixUp(2, seed=1)((np.eye(2, dtype="float32"), np.array([0, 1])), training=True)
    >>> bool(np.allclose(x, y))
    True

    Reference: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018,
    https://arxiv.org/abs/1710.09412
    """

    alpha = LiveScalar()

    def __init__(self, num_classes, alpha=0.2, per="batch", seed=None, **kwargs):
        super().__init__(num_classes, per=per, seed=seed, **kwargs)
        self.alpha = alpha

    def augment(self, inputs, draws):
        self.check_rank(inputs[0], 2, 3, 4)
        return super().augment(inputs, draws)

    def mask(self, shape, draws):
        ratio = self.shared(symmetric_beta(self._alpha, (self.group(shape),), draws))
        return ops.reshape(ratio, (-1, *(1,) * (len(shape) - 1)))

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}
