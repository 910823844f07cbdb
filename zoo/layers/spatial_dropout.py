"""`SpatialDropout`: whole channels dropped, with a rate that can be changed at any time."""

import keras

from .data_format import data_format_of
from .dropout import Dropout

__all__ = ["SpatialDropout"]


@keras.saving.register_keras_serializable(package="occam")
class SpatialDropout(Dropout):
    """Drops whole channels with probability `rate` in training; exactly the identity otherwise.

        y[n, ..., c] = x[n, ..., c] * m[n, c] / (1 - rate),    m ~ Bernoulli(1 - rate)

    Neighbours in a feature map are alike, so that `Dropout` there takes out single values whose
    content remains next to them; a channel takes its content with it. One class for all ranks.

    Args:
        rate: fraction of the channels to drop, in [0, 1); assignable at any time.
        seed: integer seed of the masks, mixed with the layer's name; `None` draws one.
        data_format: "channels_last" or "channels_first"; by default Keras' setting, also for
            series, as in `keras.layers.Conv1D`.

    Shapes: `(batch, ..., channels)` with at least one axis between: series `(batch, steps,
    channels)`, images `(batch, height, width, channels)`, volumes; unchanged. With
    "channels_first", `(batch, channels, ...)`.

    Raises:
        ValueError: `rate` is not in [0, 1), `data_format` is another word, or the input's rank is
            below 3.

    Example:

    >>> import numpy as np
    >>> y = SpatialDropout(0.5, seed=1)(np.ones((1, 4, 8)), training=True)
    >>> bool((np.asarray(y) == np.asarray(y)[:, :1]).all())
    True

    Reference: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015,
    https://arxiv.org/abs/1411.4280
    """

    def __init__(self, rate, seed=None, data_format=None, **kwargs):
        super().__init__(rate, seed=seed, **kwargs)
        self.data_format = data_format_of(self, data_format)

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                "SpatialDropout expects (batch, ..., channels) of rank 3 or more. "
                f"Received shape: {tuple(input_shape)}"
            )

    def _mask_shape(self, inputs_shape):
        ones = (1,) * (len(inputs_shape) - 2)
        if self.data_format == "channels_first":
            return (*inputs_shape[:2], *ones)
        return (inputs_shape[0], *ones, inputs_shape[-1])

    def get_config(self):
        config = {**super().get_config(), "data_format": self.data_format}
        del config["noise_shape"]  # follows from the input's rank
        return config
