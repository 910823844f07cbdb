"""`Pipeline`: augmentations one after the other, as one layer."""

from collections.abc import Sequence
from typing import Any

import keras

from ..calls import as_call
from .augmentation import Augmentation

__all__ = ["Pipeline"]


@keras.saving.register_keras_serializable(package="occam")
class Pipeline(Augmentation):
    """Applies layers in their order in training; otherwise leaves samples as they are.

    All draws come from this layer's seed, an independent key for each layer: layers that were made
    with the same seed, or none, do not draw the same.

    Args:
        layers: augmentations, none for the identity. If one of them takes labels, so does the
            pipeline; the others change the samples of the pair.
        seed: integer seed of the draws; `None` draws one.

    Shapes: as the layers take them.

    Raises:
        ValueError: a layer is not an augmentation of this package: it would not take a seed.

    Example: `print` shows what it does.

    >>> from occam.zoo.augmentation import FeatureNoise, RandomShift1D
    >>> print(Pipeline([RandomShift1D(4), FeatureNoise(0.1)], seed=1))
    RandomShift1D(max_shift=4, fill_mode='nearest', fill_value=0)
    FeatureNoise(stddev=0.1)
    """

    def __init__(self, layers: Sequence[Augmentation], seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        for layer in layers:
            if not isinstance(layer, Augmentation):
                raise ValueError(
                    "Pipeline: `layers` must be layers of occam.zoo.augmentation. "
                    f"Received: {layer!r}"
                )
        self.layers = list(layers)
        mixing = [layer for layer in self.layers if layer.takes_labels]
        self.takes_labels = bool(mixing)
        self.takes_any_samples = all(layer.takes_any_samples for layer in self.layers)
        if mixing:
            self.num_classes = mixing[0].num_classes

    def call(self, inputs, training=False, seed=None):
        inputs = self.check_inputs(inputs)
        draws = self.draws(seed) if training else None
        for layer in self.layers:
            call: dict[str, Any] = {"training": True, "seed": draws.key()} if draws else {}
            if layer.takes_labels or not self.takes_labels:
                inputs = layer(inputs, **call)
            else:
                inputs = layer(inputs[0], **call), inputs[1]
        return inputs

    def __str__(self):
        return "\n".join(map(_describe, self.layers)) or "none"

    def get_config(self):
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers}

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


def _describe(layer: Augmentation) -> str:
    return str(layer) if isinstance(layer, Pipeline) else as_call(layer)
