"""`LabelSmoothing`: labels that are a little less sure, in training only."""

import keras

from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation
from .labels import check_classes, check_distribution, soft_labels

__all__ = ["LabelSmoothing"]


@keras.saving.register_keras_serializable(package="occam")
class LabelSmoothing(Augmentation):
    """Spreads a share of each label evenly over all classes in training; else makes it soft only.

        y' = (1 - epsilon) y + epsilon / classes

    With `multi_label`, each class is a question of its own with two answers, as for a head of
    sigmoids and `BinaryCrossentropy`:

        y' = (1 - epsilon) y + epsilon / 2

    The argument `label_smoothing` of Keras' losses smooths the labels of `evaluate` too, so that
    a validation loss is not what it seems; and it takes no integer labels. Nothing is drawn.

    Args:
        num_classes: the number of classes, at least 2; with `multi_label` at least 1, the number of
            sigmoid units.
        epsilon: the share, in [0, 1), assignable at any time.
        multi_label: whether a sample can be of several classes, or of none: multi-hot labels, or
            the 0 and 1 of a single sigmoid unit.

    Shapes: `(x, y)`: x of any shape, unchanged; y integers `(batch,)` or one-hot or soft labels
    `(batch, num_classes)` whose rows sum to one. With `multi_label`, y is `(batch, num_classes)`
    in any type, or `(batch,)` for one class. Returns y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: an argument or the form of y is none of these (in a graph, where labels have no
            values yet, a row that does not sum to one becomes NaN).

    Example:

    >>> import numpy as np
    >>> _, y = LabelSmoothing(4, 0.2)((np.zeros((1, 3)), np.array([2])), training=True)
    >>> [round(float(share), 3) for share in y[0]]
    [0.05, 0.05, 0.85, 0.05]

    Reference: Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016,
    section 7, https://arxiv.org/abs/1512.00567
    """

    takes_labels = True
    takes_any_samples = True
    epsilon = LiveScalar("[0, 1)")

    def __init__(self, num_classes, epsilon=0.1, multi_label=False, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = check_classes(self, num_classes, multi_label)
        self.multi_label = bool(multi_label)
        self.epsilon = epsilon

    def call(self, inputs, training=False, seed=None):
        x, y = self.check_inputs(inputs)
        y = soft_labels(y, self.num_classes, self.multi_label)
        return (x, self._smooth(y)) if training else (x, y)

    def _smooth(self, y):
        if self.multi_label:
            return (1.0 - self._epsilon) * y + self._epsilon / 2
        return (1.0 - self._epsilon) * check_distribution(y) + self._epsilon / self.num_classes

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "epsilon": self.epsilon,
            **({"multi_label": True} if self.multi_label else {}),
        }
