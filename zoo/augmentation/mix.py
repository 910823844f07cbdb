"""`Mix`: MixUp or CutMix by chance, and neither after a last epoch."""

import math

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .beta import symmetric_beta
from .cutmix import box_mask
from .mixing import Mixing

__all__ = ["Mix"]


@keras.saving.register_keras_serializable(package="occam")
class Mix(Mixing):
    """Mixes by `MixUp` or by `CutMix`, chosen at random in training; otherwise makes labels soft.

    With `probability` a batch, pair or element is mixed at all; if so, with probability `switch`
    by CutMix, else by MixUp. After `last_epoch` nothing is mixed: the end of a training sees real
    samples. The epoch is a variable that a callback moves, so nothing is traced again:

        keras.callbacks.LambdaCallback(on_epoch_begin=lambda n, _: setattr(mix, "epoch", n))

    Args:
        num_classes: the number of classes, at least 2.
        mixup_alpha: parameter of MixUp's Beta distribution, assignable at any time.
        cutmix_alpha: parameter of CutMix's Beta distribution, assignable at any time.
        probability: of mixing at all, in [0, 1], assignable at any time.
        switch: probability of CutMix, given that something is mixed, in [0, 1], assignable at any
            time.
        last_epoch: the last epoch, counted from 0, in which to mix; `None` mixes always.
        per: "batch", "pair" or "element" shares a choice and its draw.
        seed: integer seed of the draws; `None` draws one.

    Shapes: as in `CutMix`.

    Raises:
        ValueError: an argument, the rank of x or the form of y is none of these.

    Example:

    >>> import numpy as np
    >>> mix = Mix(3, last_epoch=9, seed=1)
    >>> mix.epoch = 10
    >>> x, y = mix((np.ones((3, 4, 1), "float32"), np.array([0, 1, 2])), training=True)
    >>> np.asarray(y).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

    Reference: Wightman, timm, `timm.data.mixup`, 2019-2024, whose defaults these are,
    https://github.com/huggingface/pytorch-image-models
    """

    needs_channels_last = True

    mixup_alpha = LiveScalar()
    cutmix_alpha = LiveScalar()
    probability = LiveScalar("[0, 1]")
    switch = LiveScalar("[0, 1]")
    epoch = LiveScalar()

    def __init__(
        self,
        num_classes,
        *,
        mixup_alpha=0.8,
        cutmix_alpha=1.0,
        probability=1.0,
        switch=0.5,
        last_epoch=None,
        per="batch",
        seed=None,
        **kwargs,
    ):
        super().__init__(num_classes, per=per, seed=seed, **kwargs)
        if last_epoch is not None and (not isinstance(last_epoch, int) or last_epoch < 0):
            raise ValueError(
                "Mix: `last_epoch` must be an integer of at least 0 or None. "
                f"Received: last_epoch={last_epoch!r}"
            )
        self.mixup_alpha = mixup_alpha
        self.cutmix_alpha = cutmix_alpha
        self.probability = probability
        self.switch = switch
        self.last_epoch = last_epoch
        self.epoch = 0

    def augment(self, inputs, draws):
        self.check_rank(inputs[0], 3, 4)
        return super().augment(inputs, draws)

    def mask(self, shape, draws):
        count = self.group(shape)
        ones = (1,) * (len(shape) - 1)
        blend = ops.reshape(symmetric_beta(self._mixup_alpha, (count,), draws), (-1, *ones))
        cut = box_mask(self._cutmix_alpha, count, shape[1:-1], draws)
        mixed = ops.where(draws.uniform((count, *ones)) < self._switch, cut, blend)
        active = draws.uniform((count, *ones)) < self._probability
        return self.shared(ops.where(ops.logical_and(active, self._on()), mixed, 1.0))

    def _on(self):
        last = math.inf if self.last_epoch is None else self.last_epoch
        return ops.convert_to_tensor(self._epoch) <= last

    def get_config(self):
        return {
            **super().get_config(),
            "mixup_alpha": self.mixup_alpha,
            "cutmix_alpha": self.cutmix_alpha,
            "probability": self.probability,
            "switch": self.switch,
            "last_epoch": self.last_epoch,
        }
