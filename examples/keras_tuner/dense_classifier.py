"""Search units, activation, dropout and learning rate of a classifier of handwritten digits.

    python examples/keras_tuner/dense_classifier.py

Takes less than a minute on two cores.

Only the line of the tuner differs from a script for KerasTuner; the comment above it is the stock
one.
"""

import keras
import keras_tuner
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from occam import tuning

TRIALS, EPOCHS = 6, 10


def build(hp: keras_tuner.HyperParameters):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Rescaling(1 / 16)])
    activation = hp.Choice("activation", ["relu", "gelu", "tanh"])
    for number in range(hp.Int("layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Int(f"units_{number}", 32, 128, step=32), activation))
    if hp.Boolean("dropout"):
        model.add(keras.layers.Dropout(0.3))
    model.add(keras.layers.Dense(10, "softmax"))
    model.compile(
        keras.optimizers.Adam(hp.Float("learning_rate", 1e-4, 1e-2, sampling="log")),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


x, y = load_digits(return_X_y=True)
x_rest, x_test, y_rest, y_test = train_test_split(x, y, test_size=300, random_state=0)
x_train, x_val, y_train, y_val = train_test_split(x_rest, y_rest, test_size=300, random_state=0)

names = {"directory": "search", "project_name": "dense_classifier"}
# KerasTuner: tuner = keras_tuner.RandomSearch(build, "val_loss", max_trials=TRIALS, **names)
tuner = tuning.Tuner(build, max_trials=TRIALS, **names)
tuner.search_space_summary()
tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=EPOCHS, verbose=0)

tuner.results_summary(num_trials=3)
best = tuner.get_best_hyperparameters()[0]
print("best:", best.values)
(model,) = tuner.get_best_models()
print(f"test accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.3f}")
