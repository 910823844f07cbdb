"""Layers that drop channels or blocks know where the channels are."""

import keras
import pytest
from keras import layers

from occam import zoo


def convolutional(data_format):
    shape = (2, 8, 8) if data_format == "channels_first" else (8, 8, 2)
    axis = 1 if data_format == "channels_first" else -1
    stack = [
        keras.Input(shape),
        layers.Conv2D(3, 3, data_format=data_format, name="conv"),
        layers.BatchNormalization(axis=axis, name="norm"),
        layers.Activation("relu", name="relu"),
        layers.Flatten(data_format=data_format),
        layers.Dense(2),
    ]
    return keras.Sequential(stack)


@pytest.mark.parametrize("word", ["spatial_dropout", "drop_block"])
@pytest.mark.parametrize("rule", ["conv", "norm", "relu"])
def test_channels_first_is_refused_after_any_layer(rule, word):
    with pytest.raises(ValueError, match="its channels come first"):
        zoo.regularize(convolutional("channels_first"), rules={rule: {word: 0.1}})


def test_an_inserted_layer_keeps_the_format_of_the_model_whatever_the_setting():
    model = convolutional("channels_last")
    keras.config.set_image_data_format("channels_first")
    try:
        made, _ = zoo.regularize(model, zoo.Regularization(spatial_dropout=0.1))
    finally:
        keras.config.set_image_data_format("channels_last")
    dropout = next(x for x in made.layers if isinstance(x, zoo.layers.SpatialDropout))
    assert dropout.data_format == "channels_last"
