"""OCC501 to OCC504: labels, patience, batch size and steps."""

import functools

import keras
import numpy as np
import pytest
from keras import layers

from occam import callbacks, zoo


def classifier(loss):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, "softmax")], name="mine")
    model.compile("sgd", loss)
    return model


SMOOTHING = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)


@pytest.mark.parametrize("targets", ["smoothed", "mixed", "distilled"])
@pytest.mark.parametrize(
    "loss",
    [
        *(SMOOTHING, [SMOOTHING], keras.losses.BinaryCrossentropy(label_smoothing=0.1)),
        functools.partial(keras.losses.categorical_crossentropy, label_smoothing=0.1),
    ],
)
def test_labels_that_are_smoothed_twice(paths, targets, loss):
    model = classifier(loss)
    assert paths("OCC501", model, targets=targets) == ["mine"]
    assert paths("OCC501", model) == []
    assert paths("OCC501", model, targets=targets, compiled=False) == []


def test_what_smoothing_twice_does():
    mixed = np.array([[0.6, 0.4, 0.0]], "float32")
    logits = np.array([[2.0, 1.0, -3.0]], "float32")
    plain = keras.losses.CategoricalCrossentropy(from_logits=True)
    smoothing = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    smoothed = 0.7 * mixed + 0.3 / 3
    assert float(smoothing(mixed, logits)) == pytest.approx(float(plain(smoothed, logits)))
    assert float(smoothing(mixed, logits)) > float(plain(mixed, logits)) + 0.3  # the harm


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        keras.losses.CategoricalCrossentropy(),
        zoo.losses.CategoricalCrossentropy(),
    ],
)
def test_labels_that_are_smoothed_once(paths, loss):
    assert paths("OCC501", classifier(loss), targets="mixed") == []


class Stalled(keras.callbacks.Callback):
    """A validation loss that never improves."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_loss"] = 1.0


@pytest.mark.parametrize(
    ("stop", "start", "fall", "lowered"),
    [(2, 0, 3, 0), (3, 0, 3, 0), (4, 0, 3, 1), (2, 1, 3, 0), (2, 2, 3, 1)],
)
def test_patience(paths, stop, start, fall, lowered):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)], name="mine")
    model.compile(keras.optimizers.SGD(0.1), "mse")
    stopping = keras.callbacks.EarlyStopping(patience=stop, start_from_epoch=start)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=fall)
    found = paths("OCC502", model, callbacks=[stopping, plateau])
    assert found == (["mine"] if lowered == 0 else [])
    rates = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_begin=lambda batch, logs: rates.append(float(model.optimizer.learning_rate))
    )
    x = np.ones((4, 4), "float32")
    model.fit(x, x[:, :1], epochs=9, verbose=0, callbacks=[Stalled(), stopping, plateau, note])
    assert sum(rate < 0.1 for rate in rates) == lowered  # none: the harm


def test_patience_of_our_early_stopping_and_of_one_alone(paths):
    model = classifier("mse")
    ours = callbacks.EarlyStopping(patience=5)
    plateau = keras.callbacks.ReduceLROnPlateau(patience=5)
    assert paths("OCC502", model, callbacks=[ours, plateau]) == ["mine"]
    other = callbacks.EarlyStopping(criterion="gl")  # which has no patience
    assert paths("OCC502", model, callbacks=[other, plateau]) == []
    assert paths("OCC502", model, callbacks=[ours]) == []
    assert paths("OCC502", model, callbacks=[plateau]) == []
    assert paths("OCC502", model) == []


def test_batch_norm_with_few_samples(paths):
    norm = layers.BatchNormalization(name="norm")
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(1)])
    assert paths("OCC503", model, batch_size=7) == ["norm"]
    assert paths("OCC503", model, batch_size=8) == []
    assert paths("OCC503", model) == []
    norm.trainable = False
    assert paths("OCC503", model, batch_size=7) == []
    for other in (layers.LayerNormalization(), layers.GroupNormalization(2)):
        model = keras.Sequential([keras.Input((4,)), other])
        assert paths("OCC503", model, batch_size=2) == []


def test_how_noisy_the_statistics_of_few_samples_are():
    x = np.random.default_rng(0).normal(size=(2000, 64, 1)).astype("float32")

    def noise(batch):
        norm = layers.BatchNormalization(epsilon=0.0)
        first = [float(np.asarray(norm(b[:batch], training=True))[0, 0] - b[0, 0]) for b in x[:200]]
        return np.std(first)

    assert noise(4) > 2 * noise(64)  # the harm: how far a sample is moved by its neighbours


def test_batch_norm_that_is_validated_early(paths):
    norm = layers.BatchNormalization(momentum=0.9, name="norm")
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(1)])
    assert paths("OCC504", model, steps=43) == ["norm"]  # 0.9^43 = 0.0108
    assert paths("OCC504", model, steps=44) == []
    assert paths("OCC504", model) == []
    finding = next(f for f in zoo.lint(model, steps=10) if f.code == "OCC504")
    assert "after 10 steps, the moving averages still contain 35% of" in finding.why
    assert "lower the momentum to 0.63." in finding.fix
    norm.momentum = 0.63
    assert paths("OCC504", model, steps=10) == []
    norm.momentum = 0.9
    corrected = [callbacks.BatchNormReestimation(np.ones((2, 4)))]
    assert paths("OCC504", model, steps=10, callbacks=corrected) == []
    norm.trainable = False
    assert paths("OCC504", model, steps=10) == []
