"""`LabelSmoothing`: less confident labels, in training only."""

import keras

from ...core.checks import check_integer
from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation
from .soft_labels import check_distribution, soft_labels


@keras.saving.register_keras_serializable(package="occam")
class LabelSmoothing(Augmentation):
    """Spreads a share of each label evenly over all classes in training.

        y' = (1 - epsilon) y + epsilon / classes

    With `multi_label`, each class is a binary question of its own, as for a head of sigmoids and
    `BinaryCrossentropy`:

        y' = (1 - epsilon) y + epsilon / 2

    At inference, labels only become soft labels. In contrast, the argument `label_smoothing` of
    Keras' losses also smooths the labels of `evaluate`, which changes the validation loss, and
    takes no integer labels. Nothing is drawn at random.

    Args:
        num_classes: The number of classes, at least 2. With `multi_label` the number of sigmoid
            units, at least 1.
        epsilon: The share, in [0, 1). It can be changed at any time.
        multi_label: Whether a sample can be of several classes, or of none: multi-hot labels, or
            the 0 and 1 of a single sigmoid unit.

    Shapes: `(x, y)` with x of any shape, unchanged, and y integers `(batch,)` or one-hot or soft
    labels `(batch, num_classes)` whose rows sum to one. With `multi_label`, y is `(batch,
    num_classes)` in any type, or `(batch,)` for one class. Returns y as float32 of shape
    `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of range or y has another form. In a graph, where labels
            have no values yet, a row that does not sum to one becomes NaN.

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
        check_integer("num_classes", num_classes, 1 if multi_label else 2)
        self.num_classes = int(num_classes)
        self.multi_label = bool(multi_label)
        self.epsilon = epsilon

    def call(self, inputs, training=False, seed=None):
        x, y = self.check_inputs(inputs)
        y = soft_labels(y, self.num_classes, self.multi_label)
        if training and self.multi_label:
            y = (1.0 - self._epsilon) * y + self._epsilon / 2
        elif training:
            y = (1.0 - self._epsilon) * check_distribution(y) + self._epsilon / self.num_classes
        return x, y

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "epsilon": self.epsilon,
            **({"multi_label": True} if self.multi_label else {}),
        }
