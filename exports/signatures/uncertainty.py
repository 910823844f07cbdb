"""`uncertainty`: the mean and the spread of the answers of Monte Carlo dropout."""

from typing import TYPE_CHECKING

import tensorflow as tf

from ...core.checks import check_integer
from ..errors import ExportError
from .signature import Signature, Specs, Tensors

if TYPE_CHECKING:
    from ..served_model import ServedModel


class Uncertainty(Signature):
    """The mean and the spread of T answers with dropout left on.

    For p_t the probabilities of the t-th of T passes, or the values of a regression, and
    H[p] = - sum_c p_c log p_c in nats,

        mean = 1/T sum_t p_t                    standard_deviation = sqrt(1/T sum_t (p_t - mean)^2)
        predictive_entropy = H[mean]            mutual_information = H[mean] - 1/T sum_t H[p_t]

    The entropy is large if the answer is uncertain for any reason; the mutual information is large
    if the passes contradict each other, since the model has not learned such inputs. The answer for
    a row depends only on its features and its seed. Give the rows of a request different seeds:
    equal seeds drop the same units. Only dropout (including recurrent and attention dropout) and
    stochastic depth are random; other layers are in inference mode. Layers before the first dropout
    run once, the others T times for each row.

    Inputs: the model's, and `seed`, int64 `(n,)`.
    Answers: `mean` and `standard_deviation`, float32 `(n, classes)`, `(n, labels)` or
    `(n, targets)`; except for a regression also `predictive_entropy` and `mutual_information`,
    float32 `(n,)`, or `(n, labels)` for each label by itself. The standard deviation is that of the
    model, without the noise of the targets.

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
    >>> options = {"task": "classification", "signatures": [exports.Uncertainty(samples=4)]}
    >>> published = exports.export(model, directory, **options)
    >>> answer = exports.load(directory).call("uncertainty", x=[[1.0, 2.0]], seed=[0])
    >>> answer["mean"].shape, answer["mutual_information"].shape
    ((1, 3), (1,))

    Reference: Gal & Ghahramani, Dropout as a Bayesian Approximation: Representing Model Uncertainty
        in Deep Learning, 2016, https://arxiv.org/abs/1506.02142; the mutual information: Houlsby et
        al., Bayesian Active Learning for Classification and Preference Learning, 2011,
        https://arxiv.org/abs/1112.5745
    """

    name = "uncertainty"
    tasks = ("classification", "multilabel", "regression")

    def __init__(self, samples: int = 16):
        check_integer("samples", samples, 2)
        self.samples = samples

    def inputs(self, served: "ServedModel") -> Specs:
        from .monte_carlo import drops  # here, since only writing needs Keras

        specs = served.inputs.specs
        if "seed" in specs:
            raise ExportError(
                "The signature 'uncertainty' adds an input 'seed', but the model already has one."
            )
        if not drops(served.model):
            raise ExportError(
                "The signature 'uncertainty' needs a model with dropout at a rate above 0. "
                f"Received: {served.model.name!r} without any"
            )
        return {**specs, "seed": tf.TensorSpec((None,), tf.int64, "seed")}

    def answer(self, served: "ServedModel", features: Tensors) -> dict[str, tf.Tensor]:
        from .monte_carlo import sample  # here, since only writing needs Keras

        features = dict(features)
        seeds = features.pop("seed")
        inputs = served.prepared(features)
        outputs = sample(served.model, inputs, seeds, self.samples, served.units)
        return served.head.uncertainty(tf.reshape(outputs, (-1, self.samples, served.units)))
