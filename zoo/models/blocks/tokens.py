"""Tokens of a transformer: from patches of an image or from the features of a table."""

from typing import Any

import keras
from keras import ops

__all__ = ["ClassToken", "FeatureTokenizer", "PositionEmbedding", "patches"]


def patches(x: Any, size: int, what: str) -> tuple[int, int]:
    """How many patches of `size` by `size` pixels an image has, in height and width.

    Raises:
        ValueError: they do not fill the image.
    """
    height, width = x.shape[1:3]
    if height % size or width % size:
        raise ValueError(
            f"Model {what!r} takes images whose height and width are multiples of patch_size. "
            f"Received: {height} x {width} pixels, patch_size={size}"
        )
    return height // size, width // size


class _Embedding(keras.layers.Layer):
    """A layer with one weight, drawn from a normal distribution of standard deviation 0.02.

    Args:
        seed: of the draw.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed

    def add_embedding(self, name: str, shape: tuple[int, ...]) -> Any:
        """The weight; its name keeps it from decaying (`zoo.optimizers.AdamW`)."""
        initializer = keras.initializers.TruncatedNormal(stddev=0.02, seed=self.seed)
        return self.add_weight(name=f"{name}_embedding", shape=shape, initializer=initializer)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="occam")
class ClassToken(_Embedding):
    """Puts one learned token before the others.

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
    """Adds a learned vector to each token, by its place.

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
    """Makes a token of each feature of a table.

        t_j = x_j * w_j + b_j

    Args:
        width: of a token.
        seed: of the weights' draw.

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
            initializer = keras.initializers.RandomUniform(
                -bound, bound, seed=None if self.seed is None else self.seed + (name == "bias")
            )
            shape = (input_shape[-1], self.width)
            weight = self.add_weight(
                name=f"feature_{name}_embedding", shape=shape, initializer=initializer
            )
            setattr(self, name, weight)

    def call(self, inputs):
        return inputs[..., None] * self.weight + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.width)

    def get_config(self):
        return {**super().get_config(), "width": self.width, "seed": self.seed}
