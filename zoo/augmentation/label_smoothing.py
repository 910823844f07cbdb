"""`LabelSmoothing`: labels that are a little less sure, in training only."""

import keras

from ..layers.scalar_weight import ScalarWeight
from .augmentation import Augmentation
from .labels import check_classes, soft_labels

__all__ = ["LabelSmoothing"]


@keras.saving.register_keras_serializable(package="occam")
class LabelSmoothing(Augmentation):
    """Spreads a share of each label evenly over all classes in training; else makes it soft only.

        y' = (1 - epsilon) y + epsilon / classes

    The argument `label_smoothing` of Keras' losses smooths the labels of `evaluate` too, so that
    a validation loss is not what it seems; and it takes no integer labels. Nothing is drawn.

    Args:
        num_classes: the number of classes, at least 2.
        epsilon: the share, in [0, 1), assignable at any time.

    Shapes: `(x, y)`: x of any shape, unchanged; y integers `(batch,)` or one-hot or soft labels
    `(batch, num_classes)`. Returns y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: an argument or the form of y is none of these.

    Example:

    >>> import numpy as np
    >>> _, y = LabelSmoothing(4, 0.2)((np.zeros((1, 3)), np.array([2])), training=True)
    >>> [round(float(share), 3) for share in y[0]]
    [0.05, 0.05, 0.85, 0.05]

    Reference: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016,
    section 7, https://arxiv.org/abs/1512.00567
    """

    takes_labels = True
    epsilon = ScalarWeight(below=1.0)

    def __init__(self, num_classes, epsilon=0.1, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = check_classes(self, num_classes)
        self.epsilon = epsilon

    def call(self, inputs, training=False, seed=None):
        x, y = inputs
        y = soft_labels(y, self.num_classes)
        return (x, self._smooth(y)) if training else (x, y)

    def _smooth(self, y):
        return (1.0 - self._epsilon) * y + self._epsilon / self.num_classes

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "epsilon": self.epsilon}
