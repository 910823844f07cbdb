"""Where the channels of a batch are: last, or first after the batch as some GPUs prefer."""

from typing import Any

import keras

__all__ = ["check_channels_last", "data_format_of"]


def data_format_of(layer: keras.layers.Layer, data_format: Any) -> str:
    """Return the `data_format` of a layer: the given one, or Keras' setting if that is `None`.

    Raises:
        ValueError: It is another word.
    """
    chosen = keras.config.image_data_format() if data_format is None else data_format
    if chosen not in ("channels_last", "channels_first"):
        raise ValueError(
            f'{type(layer).__name__}: `data_format` must be "channels_last", "channels_first" or '
            f"None. Received: data_format={data_format!r}"
        )
    return chosen


def check_channels_last(name: str) -> None:
    """Raise an error that names what only takes channels last, if Keras' setting is another.

    Raises:
        ValueError: `keras.config.image_data_format()` is "channels_first".
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{name} takes batches with the channels last, (batch, steps, channels) or (batch, "
            "height, width, channels): call keras.config.set_image_data_format('channels_last'). "
            f"Received: keras.config.image_data_format()={keras.config.image_data_format()!r}"
        )
