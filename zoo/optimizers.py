"""`AdamW` with a decay policy that survives save and load, and a learning-rate schedule."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from typing import Any

import keras

from ..core.text_table import table

__all__ = ["AdamW", "adamw", "cosine_with_warmup"]

# By rank alone, the biases of multi-head attention and a scale over several axes would decay.
NO_DECAY = ("*bias", "*gamma", "*beta", "*embedding*")


@keras.saving.register_keras_serializable(package="occam")
class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay, and a policy that says which variables decay.

        W <- W - learning_rate * weight_decay * W, then Adam's step

    for every variable of at least `decay_min_rank` axes whose path matches none of the patterns
    `no_decay`. By default kernels decay, and biases, the scales and offsets of normalization, and
    embeddings do not. Keras' `AdamW` decays all of them unless `exclude_from_weight_decay` is
    called, and forgets that call when the model is saved; here the policy is part of the config.

    Args:
        learning_rate: as in `keras.optimizers.AdamW`.
        weight_decay: as in `keras.optimizers.AdamW`.
        decay_min_rank: the least number of axes of a variable that decays.
        no_decay: patterns as in `fnmatch` of the paths of variables that do not decay.
        **kwargs: the other arguments of `keras.optimizers.AdamW`.

    Raises:
        ValueError: `decay_min_rank` is negative, or `no_decay` is one string.

    Example:

    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(3, name="head")(inputs))
    >>> optimizer = AdamW(weight_decay=0.1)
    >>> print(optimizer.policy(model.trainable_variables))
    variable     shape   decays
    head/kernel  (4, 3)  yes
    head/bias    (3,)    no: rank 1 < 2

    Reference: Loshchilov & Hutter, Decoupled Weight Decay Regularization, 2019,
    https://arxiv.org/abs/1711.05101
    """

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        *,
        decay_min_rank: int = 2,
        no_decay: Sequence[str] = NO_DECAY,
        **kwargs: Any,
    ):
        if decay_min_rank < 0:
            raise ValueError(f"decay_min_rank must be >= 0. Received: {decay_min_rank!r}")
        if isinstance(no_decay, str):
            raise ValueError(f"no_decay must be a list of patterns. Received: {no_decay!r}")
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.decay_min_rank = decay_min_rank
        self.no_decay = tuple(no_decay)

    def decays(self, variable: Any) -> bool:
        """Whether `variable` decays."""
        return not self._objection(variable)

    def _objection(self, variable: Any) -> str:
        """Why `variable` does not decay; empty if it does."""
        if (rank := len(variable.shape)) < self.decay_min_rank:
            return f"rank {rank} < {self.decay_min_rank}"
        for pattern in self.no_decay:
            if fnmatch(variable.path, pattern):
                return f"matches {pattern}"
        return "" if super()._use_weight_decay(variable) else "excluded by a call"

    def policy(self, variables: Iterable[Any]) -> str:
        """A table of variables: path, shape, and whether it decays or why not."""
        rows = [
            (v.path, str(tuple(v.shape)), f"no: {why}" if (why := self._objection(v)) else "yes")
            for v in variables
        ]
        return table(("variable", "shape", "decays"), rows)

    def _use_weight_decay(self, variable):
        # On TensorFlow this is the bare tf.Variable, which has another name and no path.
        ours = (v for v in self._trainable_variables if v is variable or v.value is variable)
        return self.decays(next(ours))

    def get_config(self):
        return {
            **super().get_config(),
            "decay_min_rank": self.decay_min_rank,
            "no_decay": list(self.no_decay),
        }


def adamw(
    learning_rate: float,
    steps: int,
    *,
    weight_decay: float = 0.0,
    warmup: float = 0.05,
    **kwargs: Any,
) -> AdamW:
    """`AdamW` with warm-up and a cosine to 0, as `zoo.train` uses it.

    Args:
        learning_rate: the peak.
        steps: number of updates of the whole training.
        weight_decay: the share of a decaying variable that an update takes away, times the
            learning rate.
        warmup: share of the steps in which the learning rate rises.
        **kwargs: other arguments of `AdamW`.
    """
    schedule = cosine_with_warmup(learning_rate, steps, warmup=warmup)
    return AdamW(schedule, weight_decay=weight_decay, **kwargs)


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
