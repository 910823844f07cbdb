"""`ResidualBranch`: a residual branch that is not computed when it is dropped."""

from typing import Any

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .seeds import seed_generator
from .stochastic_depth import mask_of_sum, sample_gate

__all__ = ["ResidualBranch"]


@keras.saving.register_keras_serializable(package="occam")
class ResidualBranch(keras.layers.Layer):
    """Adds what a list of layers makes of the input, dropping that branch at random in training.

        y = shortcut + b * branch(x) / (1 - rate),    b ~ Bernoulli(1 - rate)

    in training, and exactly `shortcut + branch(x)` otherwise. With `per="batch"`, as in the
    reference, `b` is drawn once a step and the branch is not computed at all where it is 0, neither
    forwards nor backwards: the step takes less time, and the branch's BatchNorm statistics, random
    states and activity penalties stay as they are. With `per="sample"` each sample has its own `b`;
    the branch is computed for all and multiplied, as by `StochasticDepth`.

    Args:
        branch: the layers of the branch, in order, each with one input and one output.
        rate: probability of dropping the branch, in [0, 1); assignable at any time.
        per: `"batch"` or `"sample"`.
        seed: integer seed of the draws, mixed with the layer's name; `None` draws one.

    Shapes: `x`, which is the shortcut too, or a list `[shortcut, x]`; the branch's output and the
    sum have the shape of the shortcut.

    Raises:
        ValueError: `rate` is not in [0, 1), `per` is another word, `branch` is no list of layers,
            or the branch's output has not the shape of the shortcut.

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
        _check(branch, per)
        self.branch = list(branch)
        self.rate = rate
        self.per = per
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def build(self, input_shape):
        shortcut, shape = _shapes(input_shape)
        x = keras.KerasTensor(shape, dtype=self.compute_dtype)
        for layer in self.branch:  # a symbolic call builds a layer and tells its output's shape
            x = layer(x)
        if tuple(x.shape) != tuple(shortcut):
            raise ValueError(
                "ResidualBranch: the branch's output must have the shape of the shortcut, "
                f"{tuple(shortcut)}. Received shape: {tuple(x.shape)}"
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
        """A conditional: its two sides return the sum, the branch's state and its penalties.

        Neither side may assign a variable, which on JAX would leave a conditional as a leaked
        tracer, so the branch runs on values and what it changed is assigned here.
        """
        state = [v for layer in self.branch for v in layer.non_trainable_variables]
        penalties = []

        def compute():
            branch, scope = self._run_on_values(x)
            penalties.extend(scope.losses)
            scaled = branch * ops.cast(1.0 / (1.0 - self._rate), branch.dtype)
            return shortcut + scaled, _sum(penalties), [scope.get_current_value(v) for v in state]

        def skip():
            return shortcut, _sum([]), [_value(v) for v in state]

        kept = keras.random.uniform((), dtype="float32", seed=self.seed_generator) >= self._rate
        sides: Any = ops.cond(kept, compute, skip)
        outputs, penalty, new_state = sides
        for variable, value in zip(state, new_state, strict=True):
            variable.assign(value)
        if penalties:
            self.add_loss(penalty)
        return outputs

    def _run_on_values(self, x):
        variables = [v for layer in self.branch for v in layer.variables]
        values = [(v, _value(v)) for v in variables]
        with keras.StatelessScope(values, collect_losses=True) as scope:
            return self._compute(x), scope

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


def _value(variable):
    return ops.convert_to_tensor(variable)


def _sum(penalties):
    total = ops.zeros((), "float32")
    for penalty in penalties:
        total = total + ops.cast(penalty, "float32")
    return total


def _shapes(input_shape):
    """The shapes of the shortcut and of the branch's input."""
    pair = isinstance(input_shape[0], list | tuple)
    return tuple(input_shape) if pair else (input_shape, input_shape)


def _check(branch, per):
    are_layers = isinstance(branch, list | tuple) and branch
    if not are_layers or not all(isinstance(layer, keras.layers.Layer) for layer in branch):
        raise ValueError(
            f"ResidualBranch: `branch` must be a list of layers. Received: branch={branch!r}"
        )
    if per not in ("batch", "sample"):
        raise ValueError(
            f'ResidualBranch: `per` must be "batch" or "sample". Received: per={per!r}'
        )
