"""`infer`: a layer called as outside of training, so that nothing in it is random."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell  # Keras has no public name for it

__all__ = ["infer"]


def infer(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
    """What `layer` returns outside of training; it draws no random number and keeps its state.

    Args:
        layer: any layer or model; one that knows no training is called the same.
        *args: what it is called with.
        **kwargs: the same, by name.
    """
    with _without_masks(layer):
        return layer(*args, **{**kwargs, "training": False})


@contextmanager
def _without_masks(layer: keras.Layer) -> Iterator[None]:
    """The cells of recurrent layers have a dropout of 0.

    Outside of training Keras draws their masks all the same, which advances their seed, and then
    does not use them.
    """
    inner = layer._flatten_layers()
    cells: list[Any] = [cell for cell in inner if isinstance(cell, DropoutRNNCell)]
    rates = [(cell.dropout, cell.recurrent_dropout) for cell in cells]
    try:
        for cell in cells:
            cell.dropout = cell.recurrent_dropout = 0.0
        yield
    finally:
        for cell, (dropout, recurrent_dropout) in zip(cells, rates, strict=True):
            cell.dropout, cell.recurrent_dropout = dropout, recurrent_dropout
