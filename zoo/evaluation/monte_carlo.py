"""`mc_predict`: predictions with dropout left on."""

import itertools
from collections.abc import Iterator
from numbers import Real
from typing import Any

import keras
import numpy as np

from ...core.arrays import count_rows
from ...core.checks import check_integer
from ...core.layer_kinds import Kind, drop_rates, kind_of
from ...exports.signatures.monte_carlo import stochastic
from ..tasks import Task
from ..training.run import Run, model_of
from .answers import Answers, PredictiveDistribution

_RANDOM_INPUTS = (Kind.AUGMENTATION, Kind.RANDOM_CROP)


def mc_predict(
    model: keras.Model | Run,
    x: Any,
    *,
    samples: int = 32,
    seed: int = 0,
    batch_size: int = 256,
    task: Task | str | None = None,
) -> PredictiveDistribution:
    """Run a model several times with its dropout, noise and stochastic depth left on.

    Only layers that are random in training and have a rate above 0 are random here: dropout of all
    kinds, recurrent and attention dropout, drop connect, drop block, stochastic depth and noise.
    All others are in inference mode: augmentation is off, and BatchNorm uses its moving averages.
    No weight, no average and no random generator of the model changes. Equal arguments give equal
    results. `exports.Uncertainty` serves the same, with a seed for each row.

    Args:
        model: A finished run, a model of the zoo, or any Keras model with one output `(n, units)`.
        x: Inputs as the model takes them, an array or arrays by name.
        samples: The number of passes, >= 2.
        seed: The seed, an integer >= 0.
        batch_size: The number of rows in a batch; the masks depend on it.
        task: The task or its kind; by default, that of the model of the zoo, or what the last
            activation and the compiled loss tell.

    Returns:
        The probabilities of all passes, with their mean, spread, entropy and mutual information.

    Raises:
        ValueError: If no layer is random, an argument is out of range, or the outputs could mean
            two things.
        TypeError: If `model` is neither a Keras model nor a run.

    Example:

    >>> layers = [keras.layers.Dropout(0.5, seed=0), keras.layers.Dense(3, activation="softmax")]
    >>> model = keras.Sequential([keras.Input((4,)), *layers])
    >>> found = mc_predict(model, np.ones((2, 4)), samples=8)
    >>> found.mean.shape, found.mutual_information.shape, bool((found.standard_deviation > 0).all())
    ((2, 3), (2,), True)

    Reference: Gal & Ghahramani, Dropout as a Bayesian Approximation: Representing Model Uncertainty
    in Deep Learning, 2016, https://arxiv.org/abs/1506.02142
    """
    model = model_of(model)
    check_integer("samples", samples, 2)
    check_integer("seed", seed, 0)
    check_integer("batch_size", batch_size, 1)
    if not is_stochastic(model):
        raise ValueError(
            "`model` must have a layer that is random in training, such as dropout, noise or "
            f"stochastic depth, at a rate above 0. Received: {model.name!r} without any"
        )
    x = keras.tree.map_structure(np.asarray, x)
    leaves = keras.tree.flatten(x)
    rows = count_rows(leaves)
    if not rows:
        shapes = keras.tree.map_structure(np.shape, x)
        raise ValueError(f"`x` must have at least one row. Received: shape {shapes}")
    if not all(np.isfinite(leaf).all() for leaf in leaves if leaf.dtype.kind == "f"):
        raise ValueError("`x` must be finite numbers. Received: NaN or infinity")
    outputs = [
        np.concatenate(
            [
                _stochastic_pass(model, _slice(x, start, batch_size), [seed, number, start])
                for start in range(0, rows, batch_size)
            ]
        )
        for number in range(samples)
    ]
    answers = Answers(model, outputs[0], task)
    return answers.distribution(
        np.stack([answers.probabilities(answers.logits(each)) for each in outputs])
    )


def is_stochastic(layer: Any) -> bool:
    """Return whether a layer or a layer inside it is random in training, at a rate above 0.

    Augmentation does not count, nor do the layers inside it.

    >>> is_stochastic(keras.layers.GaussianNoise(0.1)), is_stochastic(keras.layers.Dropout(0.0))
    (True, False)
    """
    if kind_of(layer) in _RANDOM_INPUTS:
        return False
    return any(_is_on(inner) for inner in layer._flatten_layers())


def _is_on(layer: Any) -> bool:
    if kind_of(layer) is Kind.NOISE:
        stddev = getattr(layer, "stddev", 0.0)
        return isinstance(stddev, Real) and stddev > 0
    return any(drop_rates(layer).values())


def _stochastic_pass(model: keras.Model, x: Any, key: list[int]) -> np.ndarray:
    with stochastic(model, _states(key), is_stochastic):
        outputs = model(keras.tree.map_structure(keras.ops.convert_to_tensor, x), training=True)
    if keras.tree.is_nested(outputs):
        shapes = keras.tree.map_structure(lambda tensor: tuple(tensor.shape), outputs)
        raise ValueError(f"`model` must have one output. Received: {model.name!r} with {shapes}")
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32")))


def _states(key: list[int]) -> Iterator[Any]:
    """Yield the states of random generators, one after another, all different."""
    dtype = keras.random.SeedGenerator(0).state.dtype  # another one on each backend
    for number in itertools.count():
        words = np.random.SeedSequence([*key, number]).generate_state(2)
        yield keras.ops.convert_to_tensor(words >> 1, dtype)


def _slice(x: Any, start: int, size: int) -> Any:
    return keras.tree.map_structure(lambda array: array[start : start + size], x)
