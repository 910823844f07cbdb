"""`ResidualBranch`: a residual branch that is not computed when it is dropped."""

from typing import Any

import keras
from keras import ops

from ...core.checks import check_one_of, message
from ...core.live_scalar import LiveScalar
from .shared_arguments import seed_generator
from .stochastic_depth import mask_of_sum, sample_gate


@keras.saving.register_keras_serializable(package="occam")
class ResidualBranch(keras.layers.Layer):
    """Adds a branch of layers to its shortcut, dropping the branch at random in training.

        y = shortcut + b * branch(x) / (1 - rate),    b ~ Bernoulli(1 - rate)

    in training, and exactly `shortcut + branch(x)` at inference. With `per="batch"`, as in the
    paper, `b` is drawn once for each step. If it is 0, the branch is computed neither forwards nor
    backwards: its BatchNorm statistics and random states do not change, and its activity penalties
    are 0. With `per="sample"`, each sample has its own `b`, and the branch is always computed, as
    with `StochasticDepth`.

    Args:
        branch: A list of the layers of the branch, each with one input and one output.
        rate: The probability of dropping the branch, in [0, 1). It can be changed at any time.
        per: `"batch"` or `"sample"`.
        seed: The integer seed of the draws, mixed with the layer's name. `None` draws one.

    Shapes: `x`, which is also the shortcut, or a list `[shortcut, x]`. Returns the shape of the
    shortcut, which the output of the branch must have, too.

    Raises:
        ValueError: If an argument is out of range, `branch` is not a list of layers, or its output
            does not have the shape of the shortcut.

    Example:

    >>> branch = [keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
    >>> block = ResidualBranch(branch, 0.2, seed=1)
    >>> block(ops.ones((2, 3)), training=True).shape == (2, 3)
    True

    Reference: Huang et al., Deep Networks with Stochastic Depth, 2016,
    https://arxiv.org/abs/1603.09382
    """

    rate = LiveScalar("[0, 1)")

    def __init__(self, branch, rate, per="batch", seed=None, **kwargs):
        super().__init__(**kwargs)
        layers = branch if isinstance(branch, list | tuple) else ()
        if not layers or not all(isinstance(layer, keras.layers.Layer) for layer in layers):
            raise ValueError(message("branch", branch, "a list of at least one layer"))
        check_one_of("per", per, ("batch", "sample"))
        self.branch = list(branch)
        self.rate = rate
        self.per = per
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def build(self, input_shape):
        shortcut, shape = _shapes(input_shape)
        x = keras.KerasTensor(shape, dtype=self.compute_dtype)
        for layer in self.branch:  # a symbolic call builds the layer and returns its output shape
            x = layer(x)
        if tuple(x.shape) != tuple(shortcut):
            raise ValueError(
                f"The output of `branch` must have the shape of the shortcut, {tuple(shortcut)}. "
                f"Received: shape {tuple(x.shape)}"
            )

    def call(self, inputs, training=False):
        shortcut, x = inputs if isinstance(inputs, list | tuple) else (inputs, inputs)
        if training and self.per == "batch":
            return self._compute_or_skip(shortcut, x)
        branch = self._compute(x)
        if training:
            branch = branch * sample_gate(branch, self._rate, self.seed_generator)
        return shortcut + branch

    def _compute(self, x):
        for layer in self.branch:
            x = layer(x)
        return ops.cast(x, self.compute_dtype)

    def _compute_or_skip(self, shortcut, x):
        # On JAX, assigning a variable inside a conditional leaks a tracer. So the branch runs on
        # values, and its changes are assigned afterwards.
        variables = [v for layer in self.branch for v in layer.variables]
        state = [v for layer in self.branch for v in layer.non_trainable_variables]
        penalties = []

        def compute():
            values = [(v, ops.convert_to_tensor(v)) for v in variables]
            with keras.StatelessScope(values, collect_losses=True) as scope:
                branch = self._compute(x)
            penalties.extend(scope.losses)
            penalty = ops.zeros((), "float32")
            for loss in scope.losses:
                penalty += ops.cast(loss, "float32")
            scaled = branch * ops.cast(1.0 / (1.0 - self._rate), branch.dtype)
            return shortcut + scaled, penalty, [scope.get_current_value(v) for v in state]

        def skip():
            values = [ops.convert_to_tensor(v) for v in state]
            return shortcut, ops.zeros((), "float32"), values

        kept = keras.random.uniform((), dtype="float32", seed=self.seed_generator) >= self._rate
        sides: Any = ops.cond(kept, compute, skip)
        outputs, penalty, new_state = sides
        for variable, value in zip(state, new_state, strict=True):
            variable.assign(value)
        if penalties:
            self.add_loss(penalty)
        return outputs

    def compute_output_shape(self, input_shape):
        return _shapes(input_shape)[0]

    def compute_mask(self, inputs, previous_mask):
        pair = isinstance(inputs, list | tuple)
        x = inputs[1] if pair else inputs
        shortcut, mask = previous_mask if pair else (previous_mask, previous_mask)
        for layer in self.branch:
            mask = layer.compute_mask(x, mask) if layer.supports_masking else None
        return mask_of_sum(shortcut, mask)

    def get_config(self):
        return {
            **super().get_config(),
            "branch": [keras.saving.serialize_keras_object(layer) for layer in self.branch],
            "rate": self.rate,
            "per": self.per,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config):
        branch = [keras.saving.deserialize_keras_object(layer) for layer in config["branch"]]
        return cls(**{**config, "branch": branch})


def _shapes(input_shape):
    """The shapes of the shortcut and of the input of the branch."""
    pair = isinstance(input_shape[0], list | tuple)
    return tuple(input_shape) if pair else (input_shape, input_shape)
