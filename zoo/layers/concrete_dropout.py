"""`ConcreteDropout`: dropout before a layer, at a learned rate."""

import math

import keras
from keras import ops

from ...core.checks import check_number
from ...core.live_scalar import LiveScalar
from .drop_connect import KernelWrapper
from .shared_arguments import seed_generator


@keras.saving.register_keras_serializable(package="occam")
class ConcreteDropout(KernelWrapper):
    """Drops the inputs of the wrapped layer in training, at a learned rate p.

        y = layer(x * (1 - z) / (1 - p))
        z = sigmoid((log p - log(1 - p) + log u - log(1 - u)) / temperature),    u ~ Uniform(0, 1)

    `z` is near 0 or 1 and differentiable in p. At inference, the wrapped layer is unchanged. The
    layer adds two terms of the variational bound to the loss, which keep p from falling to 0. For
    `K` inputs and the kernel `W` they are

        weight_regularizer * sum W^2 / (1 - p)  -  dropout_regularizer * K * H(p)
        H(p) = -p log p - (1 - p) log(1 - p)

    For N training samples and a length scale l, the paper uses `weight_regularizer = l^2 / N` and
    `dropout_regularizer = 1 / N` with the cross-entropy, and `l^2 / (tau N)` and `2 / (tau N)` with
    the squared error and a model precision tau. The layer needs no other L2 penalty.

    Args:
        layer: A `Dense`, `EinsumDense` or `Conv` layer. Before a `Conv` layer, whole channels are
            dropped.
        initial_rate: The initial p, in (0, 1). The attribute `rate` is the current p.
        weight_regularizer, dropout_regularizer: The strengths of the terms, numbers >= 0. They can
            be changed at any time.
        temperature: A positive number. The smaller it is, the closer `z` is to 0 or 1.
        seed: The integer seed of the masks, mixed with the layer's name. `None` draws one.

    Shapes: As in the wrapped layer. The channels of the inputs are the `K` inputs.

    Raises:
        ValueError: If `layer` has no kernel, or a number is out of range.

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
        check_number("initial_rate", initial_rate, "(0, 1)")
        check_number("temperature", temperature, "(0, inf)")
        self.initial_rate = float(initial_rate)
        self.temperature = float(temperature)
        self.weight_regularizer = weight_regularizer
        self.dropout_regularizer = dropout_regularizer
        self.seed = seed
        self.seed_generator = seed_generator(self, seed)

    def build(self, input_shape):
        super().build(input_shape)
        first = getattr(self.layer, "data_format", None) == "channels_first"
        self._inputs = input_shape[1 if first else -1]
        odds = self.initial_rate / (1 - self.initial_rate)
        self.logit = self.add_weight(
            name="logit",
            shape=(),
            initializer=keras.initializers.Constant(math.log(odds)),
            dtype="float32",
            autocast=False,
            regularizer=self._penalty,  # unlike add_loss, counted once if the layer is called twice
        )

    @property
    def rate(self):
        """The current rate p, or `initial_rate` before the layer is built."""
        if not self.built:
            return self.initial_rate
        return float(ops.convert_to_numpy(ops.sigmoid(self.logit)))

    def call(self, inputs, training=False):
        if training:
            inputs = inputs * ops.cast(self._gate(ops.shape(inputs)), inputs.dtype)
        return ops.cast(self.layer(inputs), self.compute_dtype)

    def _gate(self, shape):
        """(1 - z) / (1 - p) for each input, or for each channel before a convolution."""
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
