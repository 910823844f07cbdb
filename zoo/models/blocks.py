"""Building blocks that several architectures share."""

import math
from typing import Any

import keras
from keras import ops

from ...core.checks import check_integer, message
from .wiring import Wiring


def self_attention(x: Any, heads: int, wiring: Wiring) -> Any:
    """Apply multi-head self-attention with dropout of the attention weights.

        y = [softmax(Q K^T / sqrt(d)) V for each head] W_O,    Q, K, V = x W_Q, x W_K, x W_V

    The four kernels belong to dense layers, so penalties on units (group lasso, max-norm) apply to
    them. `keras.layers.MultiHeadAttention` splits the units of a kernel over two axes.

    Args:
        x: Tokens, `(batch, tokens, width)`.
        heads: The number of heads, a divisor of the width.
        wiring: The wiring of the model.

    Reference: Vaswani et al., Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762
    """
    _, tokens, width = x.shape
    if width % heads:
        raise ValueError(message("heads", heads, f"a divisor of the width {width}"))

    def split(x):  # (batch, tokens, width) to (batch, heads, tokens, width / heads)
        parts = keras.layers.Reshape((tokens, heads, width // heads))(x)
        return ops.transpose(parts, (0, 2, 1, 3))

    query, key, value = (split(wiring.dense(x, width, init="glorot")) for _ in range(3))
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(width // heads)
    weights = wiring.dropout(keras.layers.Softmax()(scores))
    mixed = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    return wiring.dense(keras.layers.Reshape((tokens, width))(mixed), width, init="glorot")


def embed(tokens: Any, vocabulary: int | None, width: int, wiring: Wiring) -> Any:
    """Return the embeddings `(batch, length, width)` of word numbers `(batch, length)`.

    Args:
        tokens: The word numbers, from 0 to `vocabulary` - 1.
        vocabulary: The number of different words.
        width: The size of an embedding.
        wiring: The wiring of the model.
    """
    if len(tokens.shape) != 2:
        raise ValueError(message("input_shape", tokens.shape[1:], "(length,) for a text"))
    check_integer("vocabulary", vocabulary, minimum=1)
    init = keras.initializers.RandomUniform(seed=wiring.seed())
    x = keras.layers.Embedding(vocabulary, width, init)(tokens)
    return wiring.noise(x)


def num_patches(x: Any, patch_size: int) -> tuple[int, int]:
    """Return the numbers of patches along the height and the width of an image."""
    height, width = x.shape[1:3]
    if height % patch_size or width % patch_size:
        expected = f"a divisor of the height {height} and the width {width}"
        raise ValueError(message("patch_size", patch_size, expected))
    return height // patch_size, width // patch_size


@keras.saving.register_keras_serializable(package="occam")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a learned factor, so a residual branch starts small.

        y = gamma * x

    Args:
        initial: The initial value of the factors.

    Shapes: `(..., channels)`, unchanged.

    Example:

    >>> float(LayerScale(0.5)(keras.ops.ones((1, 1)))[0, 0])
    0.5

    Reference: Touvron et al., Going Deeper with Image Transformers, 2021,
    https://arxiv.org/abs/2103.17239
    """

    def __init__(self, initial=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial
        self.supports_masking = True

    def build(self, input_shape):
        initializer = keras.initializers.Constant(self.initial)
        self.gamma = self.add_weight(name="gamma", shape=input_shape[-1:], initializer=initializer)

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}


class _Embedding(keras.layers.Layer):
    """A layer with one embedding."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def add_embedding(self, name: str, shape: tuple[int, ...]) -> Any:
        """Add the weight; its name excludes it from the weight decay of `zoo.optimizers.AdamW`."""
        initializer = keras.initializers.TruncatedNormal(stddev=0.02, seed=self.seed)
        return self.add_weight(name=f"{name}_embedding", shape=shape, initializer=initializer)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="occam")
class ClassToken(_Embedding):
    """Puts a learned token before the others.

    Shapes: `(batch, tokens, width)` to `(batch, tokens + 1, width)`.

    >>> ClassToken()(ops.ones((2, 3, 4))).shape == (2, 4, 4)
    True

    Reference: Dosovitskiy et al., An Image is Worth 16x16 Words, 2021,
    https://arxiv.org/abs/2010.11929
    """

    def build(self, input_shape):
        self.token = self.add_embedding("class", (1, 1, input_shape[-1]))

    def call(self, inputs):
        token = ops.broadcast_to(self.token, (ops.shape(inputs)[0], 1, inputs.shape[-1]))
        return ops.concatenate([ops.cast(token, inputs.dtype), inputs], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, width = input_shape
        return (batch, tokens + 1, width)


@keras.saving.register_keras_serializable(package="occam")
class PositionEmbedding(_Embedding):
    """Adds a learned vector to each token, by its position.

    Shapes: `(batch, tokens, width)`, unchanged.

    >>> PositionEmbedding()(ops.ones((2, 3, 4))).shape == (2, 3, 4)
    True

    Reference: Dosovitskiy et al., An Image is Worth 16x16 Words, 2021,
    https://arxiv.org/abs/2010.11929
    """

    def build(self, input_shape):
        self.position = self.add_embedding("position", (1, *input_shape[1:]))

    def call(self, inputs):
        return inputs + self.position

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="occam")
class FeatureTokenizer(keras.layers.Layer):
    """Turns each feature of a table into a token.

        t_j = x_j * w_j + b_j

    Args:
        width: The width of a token.
        seed: The seed of the weights.

    Shapes: `(batch, features)` to `(batch, features, width)`.

    >>> FeatureTokenizer(4)(ops.ones((2, 3))).shape == (2, 3, 4)
    True

    Reference: Gorishniy et al., Revisiting Deep Learning Models for Tabular Data, 2021, section
    3.3, https://arxiv.org/abs/2106.11959
    """

    def __init__(self, width, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        self.seed = seed

    def build(self, input_shape):
        bound = self.width**-0.5
        for name in ("weight", "bias"):
            seed = None if self.seed is None else self.seed + (name == "bias")
            weight = self.add_weight(
                name=f"feature_{name}_embedding",
                shape=(input_shape[-1], self.width),
                initializer=keras.initializers.RandomUniform(-bound, bound, seed),
            )
            setattr(self, name, weight)

    def call(self, inputs):
        return inputs[..., None] * self.weight + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.width)

    def get_config(self):
        return {**super().get_config(), "width": self.width, "seed": self.seed}
