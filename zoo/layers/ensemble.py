"""The parts of an ensemble in one network: `MemberScale` and `EnsembleMean`."""

import math
from typing import Any

import keras
from keras import ops

from ...core.checks import check_integer, check_one_of, message

_LOSSES = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="occam")
class MemberScale(keras.layers.Layer):
    """Scales the inputs of each member of an ensemble by factors of its own.

        y_k = gamma_k * x

    Initially, each factor is 1 or -1 at random. The members share all later kernels and still
    differ: a kernel `W` behind the scale is the kernel `diag(gamma_k) W` of member `k`.

    Args:
        members: The number of members, an integer >= 1.
        seed: The integer seed of the signs. `None` draws one.

    Shapes: `(batch, features)`. Returns `(batch, members, features)`.

    Example:

    >>> MemberScale(3)(ops.ones((2, 4))).shape == (2, 3, 4)
    True

    Reference: Wen, Tran & Ba, BatchEnsemble, 2020, https://arxiv.org/abs/2002.06715
    """

    def __init__(self, members, seed=None, **kwargs):
        super().__init__(**kwargs)
        check_integer("members", members, minimum=1)
        check_integer("seed", seed, optional=True)
        self.members = int(members)
        self.seed = seed

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(message("inputs", input_shape, "of shape (batch, features)"))

        def signs(shape, dtype):
            uniform = keras.random.uniform(shape, -1, 1, seed=self.seed)
            return ops.cast(ops.where(uniform < 0, -1.0, 1.0), dtype)

        shape = (self.members, input_shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=shape, initializer=signs)

    def call(self, inputs):
        return inputs[:, None] * self.gamma

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.members, input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "members": self.members, "seed": self.seed}


@keras.saving.register_keras_serializable(package="occam")
class EnsembleMean(keras.layers.Layer):
    """Averages the members of an ensemble, and makes the training loss the mean of their losses.

    At inference, the output is the mean prediction. For a classification, these are the logits of
    the mean probabilities of the members, whose logits are `z_k`:

        z = log mean_k softmax(z_k)

    In training, the output is the mean of the `z_k`, and the layer adds to the loss what the
    members differ by, so the sum is exactly the mean over the members of their losses:

        mean_k loss(y, z_k) = loss(y, mean_k z_k) + ambiguity
        ambiguity = mean_k logsumexp(z_k) - logsumexp(mean_k z_k)   of a classification
                    mean_k softplus(z_k) - softplus(mean_k z_k)     of several labels, their mean
                    mean_k z_k^2 - (mean_k z_k)^2                   of a regression, their mean

    It is at least 0 and does not depend on the labels `y`, so they may be smoothed or mixed. Were
    it missing, only the mean would be trained, and the members would not be good each by itself.
    Sample weights do not weigh it. As the loss of a layer, it is part of the `penalty` in the logs
    of training.

    Args:
        loss: The kind of the task whose loss is meant: "classification", "multilabel" or
            "regression".

    Shapes: `(batch, members, units)` to `(batch, units)`.

    Example: the probabilities of the first class are 0.5 and 0.9.

    >>> z = EnsembleMean("classification")(ops.log([[[0.5, 0.5], [0.9, 0.1]]]))
    >>> [round(float(p), 4) for p in ops.softmax(z)[0]]
    [0.7, 0.3]

    Reference: Krogh & Vedelsby, Neural Network Ensembles, Cross Validation, and Active Learning,
    1995; for the cross-entropy: Heskes, Selecting Weighting Factors in Logarithmic Opinion Pools,
    1998
    """

    def __init__(self, loss, **kwargs):
        super().__init__(**kwargs)
        check_one_of("loss", loss, _LOSSES)
        self.loss = loss
        self.activation = keras.activations.linear  # tells an export that the outputs are logits

    def call(self, inputs, training=False):
        mean = ops.mean(inputs, axis=1)
        if training:
            potential = _POTENTIALS[self.loss]
            self.add_loss(ops.mean(ops.mean(potential(inputs), axis=1) - potential(mean)))
        elif self.loss == "classification":
            return _log_mean(ops.log_softmax(inputs))
        elif self.loss == "multilabel":
            return _log_mean(ops.log_sigmoid(inputs)) - _log_mean(ops.log_sigmoid(-inputs))
        return mean

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "loss": self.loss}


# A loss is `potential(z)` plus a term that is linear in `z`.
_POTENTIALS: dict[str, Any] = {
    "classification": lambda z: ops.logsumexp(z, axis=-1),
    "multilabel": lambda z: ops.mean(ops.softplus(z), axis=-1),
    "regression": lambda z: ops.mean(ops.square(z), axis=-1),
}


def _log_mean(log_values: Any) -> Any:
    """Return the logarithm of the mean over the members of values with these logarithms."""
    return ops.logsumexp(log_values, axis=1) - math.log(log_values.shape[1])
