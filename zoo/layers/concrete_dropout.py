"""`ConcreteDropout`: dropout before a layer, at a rate that is learned."""

import keras
from keras import ops

from ...core.live_scalar import LiveScalar
from .kernel_wrapper import KernelWrapper
from .seeds import seed_generator

__all__ = ["ConcreteDropout"]


@keras.saving.register_keras_serializable(package="occam")
class ConcreteDropout(KernelWrapper):
    """Drops the inputs of the wrapped layer at a learned rate p; is that layer at inference.

        y = layer(x * (1 - z) / (1 - p))
        z = sigmoid((log p - log(1 - p) + log u - log(1 - u)) / temperature),    u ~ Uniform(0, 1)

    `z` is near 0 or 1 and has a gradient in p. What keeps p from falling to 0 are the terms of the
    reference's bound, added to the loss for a layer with `K` inputs and the kernel `W`:

        weight_regularizer * sum W^2 / (1 - p)  -  dropout_regularizer * K * H(p)
        H(p) = -p log p - (1 - p) log(1 - p)

    In the reference, for a length scale l, N training samples and the cross-entropy:
    `weight_regularizer = l^2 / N` and `dropout_regularizer = 1 / N`; for the squared error of a
    model precision tau, `l^2 / (tau N)` and `2 / (tau N)`. The layer needs no L2 besides.

    Args:
        layer: a `Dense` or `EinsumDense` layer, or a `Conv` layer, whose inputs are dropped by
            whole channels.
        initial_rate: p at the start, in (0, 1). `rate` reads the current one.
        weight_regularizer: strength of the first term, a number >= 0; assignable at any time.
        dropout_regularizer: strength of the second, likewise.
        temperature: of the relaxation; the smaller, the nearer `z` is to 0 and 1.
        seed: integer seed of the masks, mixed with the layer's name; `None` draws one.

    Shapes: those of the wrapped layer; the inputs' channels are the `K` inputs.

    Raises:
        ValueError: `layer` has no kernel, or a number is out of range.

    Example:

    >>> layer = ConcreteDropout(keras.layers.Dense(3), initial_rate=0.2)
    >>> layer(ops.ones((2, 4))).shape == (2, 3)
    True
    >>> round(layer.rate, 3)
    0.2

    Reference: Gal, Hron & Kendall, Concrete Dropout, 2017, https://arxiv.org/abs/1705.07832
    """

    weight_regularizer = LiveScalar()
    dropout_regularizer = LiveScalar()

    def __init__(
        self,
        layer,
        initial_rate=0.1,
        weight_regularizer=1e-6,
        dropout_regularizer=1e-5,
        temperature=0.1,
        seed=None,
        **kwargs,
    ):
        super().__init__(layer, **kwargs)
        self.initial_rate = self._check("initial_rate", initial_rate, below=1)
        self.temperature = self._check("temperature", temperature, below=float("inf"))
        self.weight_regularizer = weight_regularizer
        self.dropout_regularizer = dropout_regularizer
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def _check(self, name, value, below):
        if isinstance(value, int | float) and 0 < value < below:
            return float(value)
        raise ValueError(
            f"ConcreteDropout: `{name}` must be a number in (0, {below:g}). "
            f"Received: {name}={value!r}"
        )

    def build(self, input_shape):
        super().build(input_shape)
        first = getattr(self.layer, "data_format", None) == "channels_first"
        self._inputs = input_shape[1 if first else -1]
        odds = self.initial_rate / (1 - self.initial_rate)
        self.logit = self.add_weight(
            name="logit",
            shape=(),
            initializer=lambda shape, dtype: ops.log(ops.full(shape, odds, dtype)),
            dtype="float32",
            autocast=False,
            regularizer=self._penalty,  # not add_loss: counted once however often it is called
        )

    @property
    def rate(self):
        """The learned rate p at present, a float; `initial_rate` before the layer is built."""
        if not self.built:
            return self.initial_rate
        return float(ops.convert_to_numpy(ops.sigmoid(self.logit)))

    def call(self, inputs, training=False):
        if training:
            inputs = inputs * ops.cast(self._gate(ops.shape(inputs)), inputs.dtype)
        return ops.cast(self.layer(inputs), self.compute_dtype)

    def _gate(self, shape):
        """(1 - z) / (1 - p), for each input, or for each channel before a convolution."""
        if not isinstance(self.layer, keras.layers.Dense | keras.layers.EinsumDense):
            ones = (1,) * (len(shape) - 2)
            first = self.layer.data_format == "channels_first"
            shape = (*shape[:2], *ones) if first else (shape[0], *ones, shape[-1])
        tiny = keras.config.epsilon()
        u = keras.random.uniform(shape, tiny, 1 - tiny, "float32", self.seed_generator)
        kept = ops.sigmoid(-(self.logit + ops.log(u) - ops.log1p(-u)) / self.temperature)
        return kept / ops.sigmoid(-self.logit)

    def _penalty(self, logit):
        p, keep = ops.sigmoid(logit), ops.sigmoid(-logit)
        entropy = -(p * ops.log_sigmoid(logit) + keep * ops.log_sigmoid(-logit))
        squares = ops.sum(ops.square(ops.cast(self.layer.kernel, "float32")))
        weights = self._weight_regularizer * squares / keep
        return weights - self._dropout_regularizer * self._inputs * entropy

    def get_config(self):
        return {
            **super().get_config(),
            "initial_rate": self.initial_rate,
            "weight_regularizer": self.weight_regularizer,
            "dropout_regularizer": self.dropout_regularizer,
            "temperature": self.temperature,
            "seed": self.seed,
        }
