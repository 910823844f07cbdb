"""Networks that train side by side, as slices of the same layers.

A step of a small network is mostly overhead, so dozens of networks take hardly longer than one.
Samples are `(n, networks, features)` and labels `(n, networks)`: each network has its own. The loss
is the sum over the networks, so that no gradient depends on another network.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from occam import zoo


def rows(data: zoo.Data, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat, standardized features and the targets of a part, in a fixed order."""
    batches = list(data.raw(part).as_numpy_iterator())
    x, y = (np.concatenate(each) for each in zip(*batches, strict=True))
    return np.asarray(data.preprocessing(x)).reshape(len(x), -1), y


def dense(networks: int, units: int, *, seed: int, scale: float = 1.0) -> keras.layers.Layer:
    """Return a dense layer for each network, with `scale` times He's initial weights."""
    # Of EinsumDense, Keras counts the inputs of one network.
    initializer = keras.initializers.VarianceScaling(2 * scale**2, "fan_in", seed=seed)
    options: Any = {"kernel_initializer": initializer, "bias_axes": "rj"}
    return keras.layers.EinsumDense("nri,rij->nrj", (networks, units), **options)


def cross_entropy(y: Any, logits: Any) -> Any:
    """Return the cross-entropy of each network, `(networks,)`, of class ids or soft labels."""
    soft = len(y.shape) == len(logits.shape)
    losses = keras.losses
    loss = losses.categorical_crossentropy if soft else losses.sparse_categorical_crossentropy
    return ops.mean(loss(y, logits, from_logits=True), axis=0)


def compile(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    epoch: int,
    weights: np.ndarray | float = 1.0,
) -> None:
    """Compile with the sum of the cross-entropies, and an epoch of so many steps in one call.

    Under SGD, the weight of a network's cross-entropy is a factor of its learning rate.
    """

    def loss(y: Any, logits: Any) -> Any:
        return ops.sum(weights * cross_entropy(y, logits))

    model.compile(optimizer, loss, steps_per_execution=epoch, jit_compile=False)


def error(y: np.ndarray, logits: Any) -> np.ndarray:
    """Return the fraction of wrong answers of each network, `(networks,)`."""
    return np.mean(np.argmax(logits, axis=-1) != y, axis=0)


def fit(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    record: Callable[[], Any] = lambda: None,
    transform: Callable[[Any, Any, Any], tuple[Any, Any]] | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Train a model of `compile`, and return what `record` returns after each epoch.

    `transform` changes a batch, given its number, the samples and the labels.
    """
    steps = model.steps_per_execution
    generator, passed = np.random.default_rng(seed), len(y) // batch_size
    orders = [generator.permutation(len(y)) for _ in range(-(-epochs * steps // passed))]
    order = np.stack(orders)[:, : passed * batch_size].reshape(-1, batch_size)
    inputs, labels = tf.constant(x, "float32"), tf.constant(y, "int32")
    batches = tf.data.Dataset.from_tensor_slices(order)
    batches = batches.map(lambda chosen: (tf.gather(inputs, chosen), tf.gather(labels, chosen)))
    if transform:
        batches = batches.enumerate().map(
            lambda number, batch: transform(number, *batch), tf.data.AUTOTUNE
        )
    records: list[Any] = []
    note = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: records.append(record()))
    length = {"steps_per_epoch": steps, "epochs": epochs}
    model.fit(batches, **length, callbacks=[note], verbose=0, shuffle=False)
    return np.array(records)


def error_of(values: np.ndarray) -> Any:
    """Return the standard error of the mean over the last axis, 0 of a single value."""
    count = values.shape[-1]
    return values.std(axis=-1, ddof=min(1, count - 1)) / np.sqrt(count)


def figures(values: np.ndarray) -> str:
    """Return the mean and, of several values, its standard error."""
    error = f" ± {error_of(values):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{error}"
