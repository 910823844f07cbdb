"""Search how a regression is trained: the batch size, the scaling of its features, and its L2.

    python examples/keras_tuner/batch_size.py

Takes less than a minute on two cores.

The `fit` of the `HyperModel` declares hyperparameters of the training. Only the line of the tuner
differs from a script for KerasTuner; the comment above it is the stock one.
"""

from typing import Any

import keras
import keras_tuner
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

from occam import tuning

TRIALS, EPOCHS = 6, 15


class Regression(keras_tuner.HyperModel):
    """An MLP with one hidden layer."""

    def build(self, hp):
        l2 = keras.regularizers.L2(hp.Float("l2", 1e-5, 1e-1, sampling="log"))
        hidden = keras.layers.Dense(hp.Int("units", 16, 64, step=16), "relu", kernel_regularizer=l2)
        model = keras.Sequential([keras.Input((10,)), hidden, keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
        return model

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        x_val, y_val = validation_data
        if hp.Boolean("standardize"):
            mean, spread = x.mean(axis=0), x.std(axis=0)
            x, x_val = (x - mean) / spread, (x_val - mean) / spread
        return model.fit(
            *(x, y),
            validation_data=(x_val, y_val),
            batch_size=hp.Choice("batch_size", [16, 32, 64]),
            **kwargs,
        )


data: Any = load_diabetes(scaled=False)
x, y = data.data, (data.target - data.target.mean()) / data.target.std()
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=140, random_state=0)

names = {"directory": "search", "project_name": "batch_size"}
# KerasTuner: tuner = keras_tuner.RandomSearch(Regression(), "val_loss", max_trials=TRIALS, **names)
tuner = tuning.Tuner(Regression(), max_trials=TRIALS, **names)
tuner.search(x_train, y_train, validation_data=(x_val, y_val), epochs=EPOCHS, verbose=0)

tuner.results_summary(num_trials=3)
best = tuner.get_best_hyperparameters()[0]
print("best:", best.values)
(model,) = tuner.get_best_models()
model.summary()

# Train the best model on all samples.
hypermodel = Regression()
model = hypermodel.build(best)
hypermodel.fit(best, model, x, y, validation_data=(x_val, y_val), epochs=EPOCHS, verbose=0)
