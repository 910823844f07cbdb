"""`AdamW` with a decay policy that survives saving, and a learning-rate schedule."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from typing import Any

import keras

from ..core.checks import check_integer, message
from ..core.text_table import table

# The rank does not exclude the biases of multi-head attention, or scales over several axes.
NO_DECAY = ("*bias", "*gamma", "*beta", "*embedding*")


@keras.saving.register_keras_serializable(package="occam")
class AdamW(keras.optimizers.AdamW):
    """Adam with decoupled weight decay of some variables.

        W <- W - learning_rate * weight_decay * W, then Adam's step

    for each variable of at least `decay_min_rank` axes whose path matches no pattern of `no_decay`.
    By default kernels decay, but no biases, embeddings, or scales and offsets of normalization
    layers. This policy is saved with the model. Keras' `AdamW` forgets `exclude_from_weight_decay`.

    Args:
        learning_rate, weight_decay: As in `keras.optimizers.AdamW`.
        decay_min_rank: The smallest number of axes of a variable that decays, an integer >= 0.
        no_decay: A list of patterns of `fnmatch` for the paths of variables that do not decay.
        **kwargs: The other arguments of `keras.optimizers.AdamW`.

    Raises:
        ValueError: If `decay_min_rank` is negative, or `no_decay` is a string.

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
        check_integer("decay_min_rank", decay_min_rank, 0)
        if isinstance(no_decay, str):
            raise ValueError(message("no_decay", no_decay, "a list of patterns"))
        super().__init__(learning_rate, weight_decay=weight_decay, **kwargs)
        self.decay_min_rank = decay_min_rank
        self.no_decay = tuple(no_decay)

    def decays(self, variable: Any) -> bool:
        """Return whether `variable` decays."""
        return not self._exclusion(variable)

    def _exclusion(self, variable: Any) -> str:
        """The reason why `variable` does not decay; empty if it does."""
        if (rank := len(variable.shape)) < self.decay_min_rank:
            return f"rank {rank} < {self.decay_min_rank}"
        for pattern in self.no_decay:
            if fnmatch(variable.path, pattern):
                return f"matches {pattern}"
        return "" if super()._use_weight_decay(variable) else "excluded by a call"

    def policy(self, variables: Iterable[Any]) -> str:
        """Return a table of the variables: path, shape, and whether each decays or why not."""
        rows = [
            (v.path, str(tuple(v.shape)), f"no: {why}" if (why := self._exclusion(v)) else "yes")
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
    restarts: bool = False,
    **kwargs: Any,
) -> AdamW:
    """Return the `AdamW` of `zoo.train`, with the schedule of `cosine_with_warmup`.

    Args:
        learning_rate, steps, warmup: As in `cosine_with_warmup`.
        weight_decay, **kwargs: As in `AdamW`.
        restarts: Whether the schedule begins again after `steps`.
    """
    schedule: Any = cosine_with_warmup(learning_rate, steps, warmup=warmup)
    if restarts:
        schedule = Restarts(schedule, steps)
    return AdamW(schedule, weight_decay=weight_decay, **kwargs)


@keras.saving.register_keras_serializable(package="occam")
class Restarts(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that begins again after each period.

        rate(t) = schedule(t mod period)

    Args:
        schedule: A `keras.optimizers.schedules.LearningRateSchedule`.
        period: The number of updates after which it begins again.

    Example:

    >>> linear = keras.optimizers.schedules.PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0)
    >>> [float(Restarts(linear, 4)(step)) for step in (0, 3, 4, 7)]
    [1.0, 0.25, 1.0, 0.25]

    Reference: Loshchilov & Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983
    """

    def __init__(self, schedule, period):
        check_integer("period", period, minimum=1)
        self.schedule: Any = (
            keras.optimizers.schedules.deserialize(schedule)
            if isinstance(schedule, dict)
            else schedule
        )
        self.period = period

    def __call__(self, step):
        return self.schedule(keras.ops.mod(step, self.period))

    def get_config(self):
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule, "period": self.period}


def cosine_with_warmup(
    learning_rate: float, steps: int, *, warmup: float = 0.05
) -> keras.optimizers.schedules.CosineDecay:
    """Return a schedule that rises linearly to `learning_rate` and falls along a cosine to 0.

    Args:
        learning_rate: The peak of the learning rate.
        steps: The number of updates of the whole training.
        warmup: The fraction of the steps during which the rate rises from a tenth of the peak.

    Reference: Loshchilov & Hutter, SGDR, 2017, https://arxiv.org/abs/1608.03983
    """
    rising = max(1, round(warmup * steps))
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=learning_rate / 10,
        decay_steps=max(1, steps - rising),
        warmup_target=learning_rate,
        warmup_steps=rising,
    )
