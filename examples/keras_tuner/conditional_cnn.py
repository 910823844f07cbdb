"""Search the blocks of a CNN for handwritten digits with Hyperband.

    python examples/keras_tuner/conditional_cnn.py

Takes less than a minute on two cores.

The width of the second block and the rate of the dropout exist only if these are on. Hyperband
trains many models for few epochs, and the best of them for more. Only the line of the tuner differs
from a script for KerasTuner; the comment above it is the stock one.
"""

from typing import Any

import keras
import keras_tuner
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from occam import tuning

EPOCHS = 8


def build(hp):
    layers = [
        keras.Input((8, 8, 1)),
        keras.layers.Rescaling(1 / 16),
        keras.layers.Conv2D(hp.Choice("filters_1", [8, 16]), 3, padding="same", activation="relu"),
        keras.layers.MaxPooling2D(),
    ]
    blocks = hp.Int("blocks", 1, 2)
    with hp.conditional_scope("blocks", [2]):
        if blocks == 2:
            filters = hp.Choice("filters_2", [16, 32])
            layers.append(keras.layers.Conv2D(filters, 3, padding="same", activation="relu"))
    layers.append(keras.layers.Flatten())
    drop = hp.Boolean("drop")
    with hp.conditional_scope("drop", [True]):
        if drop:
            layers.append(keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)))
    l2 = keras.regularizers.L2(hp.Float("l2", 1e-5, 1e-2, sampling="log"))
    layers.append(keras.layers.Dense(10, "softmax", kernel_regularizer=l2))
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-3, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


digits: Any = load_digits()
x, y = digits.images[..., None], digits.target
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=300, random_state=0)
x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=300, random_state=0)

names = {"directory": "search", "project_name": "conditional_cnn"}
# KerasTuner: tuner = keras_tuner.Hyperband(build, "val_loss", max_epochs=EPOCHS, **names)
tuner = tuning.Tuner(build, oracle=keras_tuner.oracles.HyperbandOracle(max_epochs=EPOCHS), **names)
tuner.search(x_train, y_train, validation_data=(x_val, y_val), verbose=0)

tuner.results_summary(num_trials=3)
print("best:", tuner.get_best_hyperparameters()[0].values)
(model,) = tuner.get_best_models()
print(f"test accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
