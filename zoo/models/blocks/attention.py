"""`self_attention`: attention of tokens to each other, made of dense layers."""

import math
from typing import Any

import keras
from keras import ops

from ..wiring import Wiring

__all__ = ["self_attention"]


def self_attention(x: Any, heads: int, wiring: Wiring) -> Any:
    """Multi-head attention of each token to all, with dropout of the attention weights.

        y = [softmax(Q K^T / sqrt(d)) V for each head] W_O,    Q, K, V = x W_Q, x W_K, x W_V

    Its four kernels are those of dense layers, so that what is said of units and their weights
    (group lasso, max-norm, dropped connections) holds for them; `keras.layers.MultiHeadAttention`
    splits a kernel's units over two axes.

    Args:
        x: `(batch, tokens, width)`.
        heads: their number, a divisor of the width.
        wiring: gives kernels and dropout.

    Raises:
        ValueError: `heads` does not divide the width.

    Reference: Vaswani et al., Attention Is All You Need, 2017, https://arxiv.org/abs/1706.03762
    """
    _, tokens, width = x.shape
    if width % heads:
        raise ValueError(f"heads must divide the width {width}. Received: heads={heads}")
    query, key, value = (_split(wiring.dense(x, width, init="glorot"), heads) for _ in range(3))
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) / math.sqrt(width // heads)
    weights = wiring.dropout(keras.layers.Softmax()(scores))
    mixed = ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3))
    return wiring.dense(keras.layers.Reshape((tokens, width))(mixed), width, init="glorot")


def _split(x: Any, heads: int) -> Any:
    """From `(batch, tokens, width)` to `(batch, heads, tokens, width / heads)`."""
    _, tokens, width = x.shape
    parts = keras.layers.Reshape((tokens, heads, width // heads))(x)
    return ops.transpose(parts, (0, 2, 1, 3))
