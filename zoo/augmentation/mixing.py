"""`Mixing`: what MixUp, CutMix and the switch between them have in common."""

from typing import Any

from keras import ops

from .augmentation import Augmentation, as_float, as_type_of
from .draws import Draws
from .labels import check_classes, soft_labels

__all__ = ["Mixing"]

GROUPS = ("batch", "pair", "element")


class Mixing(Augmentation):
    """Mixes each sample with its partner, the one as far from the batch's end as it from the start.

        x' = m x + (1 - m) flip(x),    y' = mean(m) y + (1 - mean(m)) flip(y)

    with a mask `m` that a subclass draws: `mask(shape, draws)`. A label's weight is the mean of the
    mask, so that it is by construction what of the sample is left.

    Args:
        num_classes: the number of classes, at least 2.
        per: what shares a draw: "batch", all samples; "pair", a sample and its partner; "element",
            none. As in timm; more variety in a batch, and no cost.
        seed: integer seed of the draws; `None` draws one.
        multi_label: whether labels are multi-hot, or the 0 and 1 of a single sigmoid unit, as in
            `LabelSmoothing`.

    Shapes: `(x, y)`, x of shape `(batch, ...)`, y as in `soft_labels`; returns x in its type and y
    as float32 of shape `(batch, num_classes)`, also where `training` is false: loss and metrics
    see one form of labels. A batch of one sample is mixed with itself.
    """

    takes_labels = True

    def __init__(self, num_classes, per="batch", seed=None, multi_label=False, **kwargs):
        super().__init__(seed=seed, **kwargs)
        if per not in GROUPS:
            raise ValueError(
                f"{type(self).__name__}: `per` must be one of {GROUPS}. Received: per={per!r}"
            )
        self.num_classes = check_classes(self, num_classes, multi_label)
        self.multi_label = bool(multi_label)
        self.per = per

    def call(self, inputs, training=False, seed=None):
        x, y = self.check_inputs(inputs)
        y = soft_labels(y, self.num_classes, self.multi_label)
        if not training:
            return x, y
        return self.augment((x, y), self.draws(seed))

    def augment(self, inputs, draws):
        x, y = inputs
        mask = self.mask(ops.shape(x), draws)
        kept = ops.mean(mask, axis=tuple(range(1, len(x.shape))), keepdims=True)
        return _mix(x, mask), _mix(y, ops.reshape(kept, (-1, 1)))

    def mask(self, shape: Any, draws: Draws) -> Any:
        """What is left of each sample of a batch of this shape, in [0, 1], float32.

        Its shape is `(batch or 1, ...)`, axes of size 1 where it is constant.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no `mask`.")

    def group(self, shape: Any) -> Any:
        """How many draws a batch of this shape takes: one for all, or one for each sample."""
        return 1 if self.per == "batch" else shape[0]

    def shared(self, values: Any) -> Any:
        """Gives both of a pair the first one's draw, where `per` says so."""
        if self.per != "pair":
            return values
        index = ops.arange(ops.shape(values)[0])
        return ops.take(values, ops.minimum(index, ops.flip(index)), axis=0)

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "per": self.per,
            **({"multi_label": True} if self.multi_label else {}),
        }


def _mix(values: Any, mask: Any) -> Any:
    floats = as_float(values)
    mask = ops.cast(mask, floats.dtype)
    return as_type_of(mask * floats + (1 - mask) * ops.flip(floats, axis=0), values)
