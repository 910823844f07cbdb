"""`PeriodicEmbedding`: a vector for each number of a table."""

import math

import keras
from keras import ops

from ...core.checks import check_integer, check_number, check_one_of, message


@keras.saving.register_keras_serializable(package="occam")
class PeriodicEmbedding(keras.layers.Layer):
    """Embed each feature of a table through waves of learned frequencies.

    With `kind="pbld"` (periodic, bias, linear, dense connection), as in RealMLP:

        y_j = [x_j,  W_j cos(2 pi f_j x_j + b_j) + c_j]

    and with `kind="plr"` (periodic, linear, ReLU), as Gorishniy et al. have it:

        y_j = relu(W_j [cos(2 pi f_j x_j), sin(2 pi f_j x_j)] + c_j)

    Each feature `j` has its own weights: the frequencies `f_j`, the phases `b_j`, the matrix `W_j`
    and the offset `c_j`. Initially, `f ~ Normal(0, sigma)`, `b ~ Uniform(-pi, pi)`, and `W` and `c`
    are uniform between `-1/sqrt(n)` and `1/sqrt(n)`, where `n` is the number of waves. A network
    sees steps and bumps in a feature that it would learn slowly from the number itself.

    Args:
        width: The size of the vector of a feature, an integer >= 1, and >= 2 for "pbld".
        frequencies: The number of frequencies for each feature, an integer >= 1.
        sigma: The standard deviation of the initial frequencies, in waves per unit of the feature,
            a positive number. It matters: features must be scaled, and a larger one fits finer
            detail.
        kind: "pbld" or "plr".
        seed: The integer seed of the weights. `None` draws one.

    Shapes: `(batch, features)` to `(batch, features, width)`.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> PeriodicEmbedding(4)(ops.ones((2, 3))).shape == (2, 3, 4)
    True

    Reference: Gorishniy, Rubachev & Babenko, On Embeddings for Numerical Features in Tabular Deep
    Learning, 2022, https://arxiv.org/abs/2203.05556; Holzmüller, Grinsztajn & Steinwart, Better by
    Default, 2024, https://arxiv.org/abs/2407.04491
    """

    def __init__(self, width=4, frequencies=16, sigma=0.1, kind="pbld", seed=None, **kwargs):
        super().__init__(**kwargs)
        check_one_of("kind", kind, ("pbld", "plr"))
        check_integer("width", width, minimum=2 if kind == "pbld" else 1)
        check_integer("frequencies", frequencies, minimum=1)
        check_number("sigma", sigma, "(0, inf)")
        check_integer("seed", seed, optional=True)
        self.width = int(width)
        self.frequencies = int(frequencies)
        self.sigma = float(sigma)
        self.kind = kind
        self.seed = seed

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(message("inputs", input_shape, "of shape (batch, features)"))
        features, dense = input_shape[-1], self.kind == "pbld"
        waves = self.frequencies if dense else 2 * self.frequencies
        outputs = self.width - 1 if dense else self.width
        normal = keras.initializers.RandomNormal(stddev=self.sigma, seed=self._seed(0))
        self.frequency = self._add("frequency", (features, self.frequencies), normal)
        if dense:
            around = keras.initializers.RandomUniform(-math.pi, math.pi, seed=self._seed(1))
            self.phase = self._add("phase", (features, self.frequencies), around)
        bound = 1 / math.sqrt(waves)
        for number, (name, shape) in enumerate(
            [("matrix", (features, waves, outputs)), ("offset", (features, outputs))], start=2
        ):
            uniform = keras.initializers.RandomUniform(-bound, bound, seed=self._seed(number))
            setattr(self, name, self._add(name, shape, uniform))

    def _add(self, name, shape, initializer):
        # By this name, `zoo.optimizers.AdamW` does not decay the weight. In half precision, an
        # angle of many turns has no meaning.
        return self.add_weight(
            name=f"{name}_embedding",
            shape=shape,
            initializer=initializer,
            dtype="float32",
            autocast=False,
        )

    def _seed(self, number):
        return None if self.seed is None else self.seed + number

    def call(self, inputs):
        x = ops.cast(inputs, "float32")[..., None]
        angle = 2 * math.pi * x * self.frequency
        if self.kind == "pbld":
            waves = ops.cos(angle + self.phase)
        else:
            waves = ops.concatenate([ops.cos(angle), ops.sin(angle)], axis=-1)
        embedded = ops.einsum("bfn,fnw->bfw", waves, self.matrix) + self.offset
        if self.kind == "pbld":
            embedded = ops.concatenate([x, embedded], axis=-1)
        else:
            embedded = ops.relu(embedded)
        return ops.cast(embedded, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.width)

    def get_config(self):
        return {
            **super().get_config(),
            "width": self.width,
            "frequencies": self.frequencies,
            "sigma": self.sigma,
            "kind": self.kind,
            "seed": self.seed,
        }
