import keras
import numpy as np
import pytest


class Ledger(keras.callbacks.Callback):
    """Puts into `logs` what our callbacks put there."""

    def on_epoch_end(self, epoch, logs=None):
        for prefix in ("", "val_"):
            logs[f"{prefix}penalty"] = 0.25
            logs[f"{prefix}data_loss"] = logs[f"{prefix}loss"] - 0.25
        logs |= {"penalty/hidden": 0.25, "sparsity/hidden": 0.5, "rates/dropout": 0.1 * epoch}
        logs |= {"train_eval_loss": 0.5, "train_eval_accuracy": 0.75}
        logs["gap_loss"] = logs["val_data_loss"] - 0.5
        logs["gap_accuracy"] = 0.75 - logs["val_accuracy"]


@pytest.fixture(scope="session")
def ledger():
    return Ledger


@pytest.fixture(scope="session")
def arrays():
    """200 samples of (6, 6, 1) of 3 classes."""
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, 200)
    x = generator.normal(size=(200, 6, 6, 1)) + y[:, None, None, None]
    return x.astype("float32"), y


@pytest.fixture(scope="session")
def make_model():
    """A small classifier that returns logits."""

    def make(**kwargs):
        model = keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(4, "relu", kernel_regularizer="l2", name="hidden"),
                keras.layers.Dropout(0.1, name="drop"),
                keras.layers.Dense(3, name="head"),
            ],
            name="small",
        )
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"], **kwargs)
        return model

    return make
