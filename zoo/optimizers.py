"""`AdamW` that decays kernels only, and still does after save and load."""

import keras

__all__ = ["AdamW", "cosine_with_warmup"]


@keras.saving.register_keras_serializable(package="occam")
class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay of the kernels only.

        W <- W - learning_rate * weight_decay * W, then Adam's step

    for every variable of rank 2 or more. Biases and the scales and offsets of normalization, which
    are vectors, are not decayed. Keras' `AdamW` decays them unless `exclude_from_weight_decay` is
    called, and forgets that call when the model is saved; here the rule is part of the class.

    Args: those of `keras.optimizers.AdamW`.

    >>> optimizer = AdamW(weight_decay=0.1)
    >>> optimizer.decays(keras.Variable([[1.0]])), optimizer.decays(keras.Variable([1.0]))
    (True, False)

    Reference: Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019,
    https://arxiv.org/abs/1711.05101
    """

    def decays(self, variable) -> bool:
        """Whether `variable` is decayed."""
        return len(variable.shape) >= 2 and super()._use_weight_decay(variable)

    def _use_weight_decay(self, variable):
        return self.decays(variable)


def cosine_with_warmup(
    learning_rate: float, steps: int, *, warmup: float = 0.05
) -> keras.optimizers.schedules.CosineDecay:
    """A learning rate that rises linearly to `learning_rate` and falls along a cosine to 0.

    Args:
        learning_rate: the peak.
        steps: number of updates of the whole training.
        warmup: share of the steps in which the rate rises, from a tenth of the peak.

    Reference: Loshchilov & Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983
    """
    rising = max(1, round(warmup * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 10,
        decay_steps=max(1, steps - rising),
        warmup_target=learning_rate,
        warmup_steps=rising,
    )
