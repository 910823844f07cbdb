"""`MixUp`, `CutMix` and `Mix`: random mixing of samples and their labels."""

import math
from typing import Any

import keras
from keras import ops

from ...core.checks import check_integer, check_one_of
from ...core.live_scalar import LiveScalar
from .augmentation import Augmentation, as_float, as_type_of
from .draws import Draws
from .label_smoothing import soft_labels


class Mixing(Augmentation):
    """Base class of the layers that mix each sample with a partner.

        x' = m x + (1 - m) flip(x),    y' = mean(m) y + (1 - mean(m)) flip(y)

    A subclass defines `mask`, which draws m. The partner is taken from the reversed batch, as in
    timm. The weight of a label is the mean of the mask, the share of the sample that remains.
    Labels become soft at inference, too, so that loss and metrics see one form of labels.
    """

    takes_labels = True
    needs_channels_last = True
    ranks = (3, 4)  # of the samples

    def __init__(self, num_classes, per="batch", seed=None, multi_label=False, **kwargs):
        super().__init__(seed=seed, **kwargs)
        check_one_of("per", per, ("batch", "pair", "element"))
        check_integer("num_classes", num_classes, 1 if multi_label else 2)
        self.num_classes = int(num_classes)
        self.multi_label = bool(multi_label)
        self.per = per

    def call(self, inputs, training=False, seed=None):
        x, y = self.check_inputs(inputs)
        y = soft_labels(y, self.num_classes, self.multi_label)
        return self.augment((x, y), self.draws(seed)) if training else (x, y)

    def augment(self, inputs, draws):
        x, y = inputs
        self.check_rank(x, *self.ranks)
        mask = self.mask(ops.shape(x), draws)
        kept = ops.mean(mask, axis=tuple(range(1, len(x.shape))), keepdims=True)
        return _mix(x, mask), _mix(y, ops.reshape(kept, (-1, 1)))

    def mask(self, shape: Any, draws: Draws) -> Any:
        """Draw the mask of a batch, in [0, 1], with size 1 along the axes where it is constant."""
        raise NotImplementedError(f"{type(self).__name__} defines no `mask`.")

    def draw_count(self, shape: Any) -> Any:
        """Return the number of draws for a batch: one for all samples, or one for each."""
        return 1 if self.per == "batch" else shape[0]

    def share_in_pairs(self, values: Any) -> Any:
        """Give both samples of a pair the draw of the first, if `per` is "pair"."""
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


@keras.saving.register_keras_serializable(package="occam")
class MixUp(Mixing):
    """Blends each sample and its label with those of a partner in training.

        x' = lambda x + (1 - lambda) flip(x),    lambda ~ Beta(alpha, alpha)

    and the same for the labels. At inference, labels only become soft labels. The paper permutes
    the batch instead of reversing it, which is equivalent for a shuffled dataset.

    Args:
        num_classes: The number of classes, at least 2. With `multi_label` at least 1.
        alpha: The parameter of the Beta distribution, a number >= 0. It can be changed at any time;
            0 mixes nothing. The paper uses 0.1 to 0.4 on ImageNet and 1 on CIFAR.
        per: The samples that share a draw, as in timm: "batch", all samples; "pair", a sample and
            its partner; "element", none.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: `(x, y)` with x `(batch, features)`, `(batch, steps, channels)` or `(batch, height,
    width, channels)` and y integers `(batch,)` or one-hot or soft labels `(batch, num_classes)`.
    Returns x in its shape and type, and y as float32 of shape `(batch, num_classes)`.

    Raises:
        ValueError: If an argument is out of range, or x or y has another form.

    Example: Two samples of different classes, mixed with one lambda.

    >>> import numpy as np
    >>> x, y = MixUp(2, seed=1)((np.eye(2, dtype="float32"), np.array([0, 1])), training=True)
    >>> bool(np.allclose(x, y))
    True

    Reference: Zhang et al., mixup: Beyond Empirical Risk Minimization, 2018,
    https://arxiv.org/abs/1710.09412
    """

    needs_channels_last = False
    ranks = (2, 3, 4)

    alpha = LiveScalar()

    def __init__(self, num_classes, alpha=0.2, per="batch", seed=None, **kwargs):
        super().__init__(num_classes, per=per, seed=seed, **kwargs)
        self.alpha = alpha

    def mask(self, shape, draws):
        ratio = draws.symmetric_beta(self._alpha, (self.draw_count(shape),))
        return ops.reshape(self.share_in_pairs(ratio), (-1, *(1,) * (len(shape) - 1)))

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


@keras.saving.register_keras_serializable(package="occam")
class CutMix(Mixing):
    """Pastes a box of its partner into each sample in training.

    The share to keep is lambda ~ Beta(alpha, alpha). In d dimensions, the box has sides of
    `floor(side * (1 - lambda) ** (1 / d))` steps or pixels and a uniform center, and is clipped at
    the borders. Labels are mixed by the share of pixels that come from each sample, not by lambda:
    at 8 x 8 pixels the two differ by up to 0.23. At inference, labels only become soft labels.

    Args:
        num_classes, per, seed: As in `MixUp`.
        alpha: The parameter of the Beta distribution, a number >= 0. It can be changed at any time;
            0 pastes nothing. The paper uses 1.

    Shapes: As in `MixUp`, but x is `(batch, steps, channels)` or `(batch, height, width,
    channels)`.

    Raises:
        ValueError: If an argument is out of range, or x or y has another form. A table has no
            neighborhoods to cut: use `MixUp`.

    Example: The label is the share of the steps of a series that come from each class.

    >>> import numpy as np
    >>> x = np.repeat([[[0.0]], [[1.0]]], 10, axis=1)
    >>> x, y = CutMix(2, seed=4)((x, np.array([0, 1])), training=True)
    >>> bool(np.allclose(np.mean(x, axis=(1, 2)), np.asarray(y)[:, 1]))
    True

    Reference: Yun et al., CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features, 2019, https://arxiv.org/abs/1905.04899
    """

    alpha = LiveScalar()

    def __init__(self, num_classes, alpha=1.0, per="batch", seed=None, **kwargs):
        super().__init__(num_classes, per=per, seed=seed, **kwargs)
        self.alpha = alpha

    def mask(self, shape, draws):
        box = _box_mask(self._alpha, self.draw_count(shape), shape[1:-1], draws)
        return self.share_in_pairs(box)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


def _box_mask(alpha: Any, count: Any, sides: tuple, draws: Draws) -> Any:
    """Masks `(count, *sides, 1)`, 0 in a random box and 1 around it."""
    ratio = (1.0 - draws.symmetric_beta(alpha, (count,))) ** (1.0 / len(sides))
    box = ops.ones((1, *(1,) * len(sides), 1))
    for axis, side in enumerate(sides):
        size = ops.cast(side, "float32")
        length = ops.floor(size * ratio)
        low = ops.floor(draws.uniform((count,)) * size) - ops.floor(length / 2)
        position = ops.arange(side, dtype="float32")[None]
        inside = ops.logical_and(position >= low[:, None], position < (low + length)[:, None])
        shape = (-1, *(side if a == axis else 1 for a in range(len(sides))), 1)
        box = box * ops.reshape(ops.cast(inside, "float32"), shape)
    return 1.0 - box


@keras.saving.register_keras_serializable(package="occam")
class Mix(Mixing):
    """Mixes by `MixUp` or `CutMix`, chosen at random, in training until a last epoch.

    A batch, pair or element is mixed with probability `probability`: by CutMix with probability
    `switch`, else by MixUp. After `last_epoch` nothing is mixed, so training ends on real samples.
    Set the epoch in a callback; nothing is traced again:

        keras.callbacks.LambdaCallback(on_epoch_begin=lambda n, _: setattr(mix, "epoch", n))

    At inference, labels only become soft labels.

    Args:
        num_classes, per, seed: As in `MixUp`.
        mixup_alpha, cutmix_alpha: As `alpha` in `MixUp` and `CutMix`.
        probability: The probability of mixing at all, in [0, 1]. It can be changed at any time.
        switch: The probability of CutMix if something is mixed, likewise.
        last_epoch: The last epoch in which to mix, counted from 0. `None` mixes always.

    Shapes: As in `CutMix`.

    Raises:
        ValueError: If an argument is out of range, or x or y has another form.

    Example:

    >>> import numpy as np
    >>> mix = Mix(3, last_epoch=9, seed=1)
    >>> mix.epoch = 10
    >>> x, y = mix((np.ones((3, 4, 1), "float32"), np.array([0, 1, 2])), training=True)
    >>> np.asarray(y).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]

    Reference: Wightman, timm, `timm.data.mixup`, 2019-2024, the source of the defaults,
    https://github.com/huggingface/pytorch-image-models
    """

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
        check_integer("last_epoch", last_epoch, 0, optional=True)
        self.mixup_alpha = mixup_alpha
        self.cutmix_alpha = cutmix_alpha
        self.probability = probability
        self.switch = switch
        self.last_epoch = last_epoch
        self.epoch = 0

    def mask(self, shape, draws):
        count = self.draw_count(shape)
        ones = (1,) * (len(shape) - 1)
        blend = ops.reshape(draws.symmetric_beta(self._mixup_alpha, (count,)), (-1, *ones))
        box = _box_mask(self._cutmix_alpha, count, shape[1:-1], draws)
        mixed = ops.where(draws.uniform((count, *ones)) < self._switch, box, blend)
        last_epoch = math.inf if self.last_epoch is None else self.last_epoch
        active = ops.logical_and(
            draws.uniform((count, *ones)) < self._probability,
            ops.convert_to_tensor(self._epoch) <= last_epoch,
        )
        return self.share_in_pairs(ops.where(active, mixed, 1.0))

    def get_config(self):
        return {
            **super().get_config(),
            "mixup_alpha": self.mixup_alpha,
            "cutmix_alpha": self.cutmix_alpha,
            "probability": self.probability,
            "switch": self.switch,
            "last_epoch": self.last_epoch,
        }
