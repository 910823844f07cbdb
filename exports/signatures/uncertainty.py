"""`uncertainty`: the mean and the spread of the answers of Monte Carlo dropout."""

from typing import TYPE_CHECKING

import tensorflow as tf

from ...core.checks import check_integer
from ..errors import ExportError
from .signature import Signature, Specs, Tensors

if TYPE_CHECKING:
    from ..classifier import Classifier


class Uncertainty(Signature):
    """The mean and the spread of T answers with dropout left on.

    For p_t the probabilities of the t-th of T passes, H[p] = - sum_c p_c log p_c in nats,

        mean = 1/T sum_t p_t                    standard_deviation = sqrt(1/T sum_t (p_t - mean)^2)
        predictive_entropy = H[mean]            mutual_information = H[mean] - 1/T sum_t H[p_t]

    The entropy is large if the answer is uncertain for any reason; the mutual information is large
    if the passes contradict each other, since the model has not learned such inputs. The answer for
    a row depends only on its features and its seed. Give the rows of a request different seeds:
    equal seeds drop the same units. Only dropout (including recurrent and attention dropout) and
    stochastic depth are random; other layers are in inference mode. Layers before the first dropout
    run once, the others T times for each row.

    Inputs: the model's, and `seed`, int64 `(n,)`.
    Answers: `mean` and `standard_deviation`, float32 `(n, classes)`; `predictive_entropy` and
    `mutual_information`, float32 `(n,)`.

    Args:
        samples: T, fixed in the graph.

    Raises:
        ValueError: If `samples` is not an integer >= 2.

    Example:

    >>> import keras, tempfile
    >>> from occam import exports
    >>> layers = [keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    >>> model = keras.Sequential([keras.Input((2,), name="x"), *layers])
    >>> directory = tempfile.mkdtemp()
    >>> published = exports.export(model, directory, signatures=[exports.Uncertainty(samples=4)])
    >>> answer = exports.load(directory).call("uncertainty", x=[[1.0, 2.0]], seed=[0])
    >>> answer["mean"].shape, answer["mutual_information"].shape
    ((1, 3), (1,))

    Reference: Gal & Ghahramani, Dropout as a Bayesian Approximation: Representing Model Uncertainty
        in Deep Learning, 2016, https://arxiv.org/abs/1506.02142; the mutual information: Houlsby et
        al., Bayesian Active Learning for Classification and Preference Learning, 2011,
        https://arxiv.org/abs/1112.5745
    """

    name = "uncertainty"

    def __init__(self, samples: int = 16):
        check_integer("samples", samples, 2)
        self.samples = samples

    def inputs(self, classifier: "Classifier") -> Specs:
        from .monte_carlo import drops  # here, since only writing needs Keras

        specs = classifier.inputs.specs
        if "seed" in specs:
            raise ExportError(
                "The signature 'uncertainty' adds an input 'seed', but the model already has one."
            )
        if not drops(classifier.model):
            raise ExportError(
                "The signature 'uncertainty' needs a model with dropout at a rate above 0. "
                f"Received: {classifier.model.name!r} without any"
            )
        return {**specs, "seed": tf.TensorSpec((None,), tf.int64, "seed")}

    def answer(self, classifier: "Classifier", features: Tensors) -> dict[str, tf.Tensor]:
        from .monte_carlo import sample  # here, since only writing needs Keras

        features = dict(features)
        seeds = features.pop("seed")
        inputs = classifier.prepared(features)
        outputs = sample(classifier.model, inputs, seeds, self.samples, classifier.units)
        passes = classifier.probabilities_of(outputs)
        return _moments(tf.reshape(passes, (-1, self.samples, passes.shape[-1])))


def _moments(passes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the answers from `(n, T, classes)` probabilities."""
    mean = tf.reduce_mean(passes, axis=1)
    entropy = _entropy(mean)
    information = entropy - tf.reduce_mean(_entropy(passes), axis=1)
    return {
        "mean": mean,
        "standard_deviation": tf.math.reduce_std(passes, axis=1),
        "predictive_entropy": entropy,
        # >= 0 by Jensen's inequality, up to rounding
        "mutual_information": tf.maximum(information, 0.0),
    }


def _entropy(probabilities: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)
