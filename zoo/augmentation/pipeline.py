"""`Pipeline`, several augmentations as one layer, and `resolve_augmentation`, the three tiers."""

from collections.abc import Sequence
from typing import Any

import keras

from ...core.checks import check_number, check_one_of, message
from ..calls import as_call
from ..regularization.fields import AUGMENTATIONS
from .augmentation import Augmentation
from .feature_noise import FeatureNoise
from .rand_augment import RandAugment
from .random_erasing import RandomErasing
from .series import RandomScale1D, RandomShift1D

_ROUGH = 0.6  # that of mnist1d, on which the noise of the tiers was chosen


@keras.saving.register_keras_serializable(package="occam")
class Pipeline(Augmentation):
    """Applies augmentations one after the other in training.

    All draws come from the seed of the pipeline, and each layer gets an independent key.

    Args:
        layers: A list of augmentations; an empty list is the identity. If one of them takes
            labels, so does the pipeline, and the others change the samples of the pair.
        seed: The integer seed of the draws. `None` draws one.

    Shapes: As in the layers.

    Raises:
        ValueError: If a layer is not an augmentation of this package, which takes a seed.

    Example: `print` shows the layers.

    >>> from occam.zoo.augmentation import FeatureNoise, RandomShift1D
    >>> print(Pipeline([RandomShift1D(4), FeatureNoise(0.1)], seed=1))
    RandomShift1D(max_shift=4, fill_mode='nearest', fill_value=0)
    FeatureNoise(stddev=0.1)
    """

    def __init__(self, layers: Sequence[Augmentation], seed=None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self.layers = list(layers)
        if not all(isinstance(layer, Augmentation) for layer in self.layers):
            raise ValueError(message("layers", layers, "layers of occam.zoo.augmentation"))
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
        lines = (str(x) if isinstance(x, Pipeline) else as_call(x) for x in self.layers)
        return "\n".join(lines) or "none"

    def get_config(self):
        layers = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": layers}

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**{**config, "layers": layers})


def resolve_augmentation(
    tier: str,
    input_shape: tuple[int, ...],
    *,
    value_range: Any = (0, 255),
    roughness: float = _ROUGH,
    seed: int | None = None,
) -> Pipeline:
    """Return the augmentation of a tier as one layer.

    Tables get noise; series shifts, scales and noise, which is weaker for smooth series; images
    `RandAugment` and, in the strong tier, `RandomErasing`, but no flips, which may change the class
    of a digit or letter.

    Args:
        tier: "light", "medium" or "strong".
        input_shape: The shape of a sample: (features,), (steps, channels), or (height, width,
            channels).
        value_range: The lowest and highest pixel value of the images.
        roughness: The root mean square of the change of a series, of standard deviation 1, from one
            step to the next. Below 0.6, the noise is that much weaker: noise that a rough series
            hides would cover the shape of a smooth one.
        seed: The integer seed of the draws. `None` draws one.

    Raises:
        ValueError: If `tier` is another word, or a sample has another rank.

    Example:

    >>> print(resolve_augmentation("strong", (40, 1)))
    RandomShift1D(max_shift=6, fill_mode='nearest', fill_value=0)
    RandomScale1D(factor=0.3)
    FeatureNoise(stddev=0.3)
    """
    check_one_of("tier", tier, AUGMENTATIONS)
    check_number("roughness", roughness, "[0, inf)")
    level = AUGMENTATIONS.index(tier)
    layers: list[Augmentation]
    if len(input_shape) == 1:
        layers = [FeatureNoise((0.05, 0.1, 0.2)[level])]
    elif len(input_shape) == 2:
        layers = [
            RandomShift1D(max(1, int(input_shape[0] * (0.05, 0.1, 0.15)[level]))),
            RandomScale1D((0.1, 0.2, 0.3)[level]),
            FeatureNoise((0.1, 0.2, 0.3)[level] * min(1.0, roughness / _ROUGH)),
        ]
    elif len(input_shape) == 3:
        magnitude = (5.0, 9.0, 14.0)[level]
        layers = [RandAugment((1, 2, 2)[level], magnitude, value_range=value_range)]
        if tier == "strong":
            layers.append(RandomErasing(0.25, value_range=value_range))
    else:
        expected = "(features,), (steps, channels) or (height, width, channels)"
        raise ValueError(message("input_shape", input_shape, expected))
    return Pipeline(layers, seed=seed, name="augmentation")
