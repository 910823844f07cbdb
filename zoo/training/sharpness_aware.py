"""`SharpnessAware`: a model whose training step looks for flat minima (SAM and ASAM)."""

from typing import Any

import keras
import numpy as np
from keras import ops

from ...callbacks.training_hook import check_one_replica
from ...core.live_scalar import LiveScalar

__all__ = ["SharpnessAware", "uphill"]


@keras.saving.register_keras_serializable(package="occam")
class SharpnessAware(keras.Model):
    """Trains a model by gradients that are taken at the worst point nearby.

        w <- w - optimizer(grad L(w + e)),    e = rho T^2 g / |T g|,    g = grad L(w)

    with T = 1 for SAM, and T = |w| + eta for ASAM (`adaptive`), where e does not change with the
    scale of the weights. The norm is over all trainable weights together; L has the penalties in
    it. Compile and fit it instead of the model, whose layers and weights it shares: what is trained
    is the model, and that is what to save.

    Both gradients are of one function: the second pass draws the same masks as the first. What it
    changes besides (statistics of BatchNorm, states of the random generators) is discarded, and the
    weights themselves are never moved there and back. Loss and metrics are those at w.

    A step computes two gradients one after the other and takes about twice the time. Everything
    else of `compile` and `fit` works as it does for the model: callbacks find its layers, and what
    `ModelCheckpoint` writes loads again as a `SharpnessAware`, with the model in its `model` (with
    `save_weights_only`, into a `SharpnessAware` of such a model, by its `load_weights`). With
    gradient accumulation each step goes uphill on its own batch. `rho` is one of `variables`, but
    not of those of the model. `tf.distribute` is out of scope.

    Args:
        model: a built Keras model, subclassed or not, with Keras' own training step.
        rho: distance uphill, >= 0, assignable at any time; nothing is traced again. With 0 a step
            is the plain one, to the bit unless TensorFlow's graph optimizer reorders its sums (or
            a layer assigns its trainable weights in its call, as `SpectralNormalization` does). The
            papers have 0.05 for SAM and 0.5 to 1 for ASAM.
        adaptive: ASAM instead of SAM.
        eta: added to |w|, so that weights near 0 move, too; ASAM only.
        name: of the wrapper.

    Raises:
        ValueError: `rho` or `eta` is not a finite number >= 0, `adaptive` is no bool, or `model` is
            not built or has a training step or loss of its own, which would be lost.
        RuntimeError: Keras runs on neither TensorFlow nor JAX, or, in training, the model was made
            in a `tf.distribute` strategy of several replicas.

    Example:

    >>> import numpy as np
    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    >>> trainer = SharpnessAware(model, rho=0.05)
    >>> trainer.compile("sgd", "mse")
    >>> before = model.get_weights()[0]
    >>> _ = trainer.fit(np.ones((8, 3)), np.ones((8, 1)), verbose=0)
    >>> bool((model.get_weights()[0] != before).all())
    True

    Reference: Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization,
    2021, https://arxiv.org/abs/2010.01412; Kwon et al., ASAM: Adaptive Sharpness-Aware Minimization
    for Scale-Invariant Learning of Deep Neural Networks, 2021, https://arxiv.org/abs/2102.11600
    """

    rho = LiveScalar()

    def __init__(self, model, rho=0.05, adaptive=False, eta=0.01, name=None):
        _check(model, adaptive, eta)
        # In its precision, so that half-precision losses are scaled; inputs are its to cast.
        super().__init__(name=name, dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.rho = rho
        self.adaptive = adaptive
        self.eta = float(eta)
        self.output_names = getattr(model, "output_names", None)  # keys of losses and metrics
        self._call_has_training_arg = model._call_has_training_arg  # read by Keras' own steps
        self.built = True

    @property
    def layers(self):
        return self.model.layers

    @property
    def inputs(self):
        return self.model.inputs

    @property
    def outputs(self):
        return self.model.outputs

    @property
    def input_shape(self):
        return self.model.input_shape

    @property
    def output_shape(self):
        return self.model.output_shape

    def call(self, inputs, training=None):
        return self.model(inputs, training=training)

    def compute_output_shape(self, input_shape):
        return self.model.compute_output_shape(input_shape)

    def train_step(self, *arguments):
        if not self.trainable_variables:
            return super().train_step(*arguments)  # which warns of it
        jax = keras.backend.backend() == "jax"
        return self._jax_step(*arguments) if jax else self._tensorflow_step(*arguments)

    def _tensorflow_step(self, data):
        import tensorflow as tf

        check_one_replica(self, "SharpnessAware")
        batch = keras.utils.unpack_x_y_sample_weight(data)
        x, y, sample_weight = batch
        weights = self.trainable_variables
        others = [*self.non_trainable_variables, *_recurrent_states(self.model)]
        given = {"training": True} if self._call_has_training_arg else {}
        before = [tf.identity(v.value) for v in others]
        with tf.GradientTape() as tape:
            y_pred = self(x, **given)
            loss = self._loss(batch, y_pred)
            scaled = self.optimizer.scale_loss(loss)
        present = next(part for part in keras.tree.flatten(x) if part is not None)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(present)[0])
        gradients = tape.gradient(scaled, weights)
        # An embedding's gradient is a sparse one.
        points = self._uphill(
            weights, [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        )
        with tf.GradientTape() as tape:
            tape.watch(points)
            state = [*zip(weights, points, strict=True), *zip(others, before, strict=True)]
            with keras.StatelessScope(state, collect_losses=True):  # its updates are discarded
                scaled = self.optimizer.scale_loss(self._loss(batch, self(x, **given)))
        gradients = tape.gradient(scaled, points)
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _loss(self, batch, y_pred):
        x, y, sample_weight = batch
        return self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
        )

    def _jax_step(self, state, data):
        import jax

        weights, others, optimizer, metrics = state
        batch = keras.utils.unpack_x_y_sample_weight(data)
        value_and_grad = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)

        def gradient(weights):
            given = {"training": True, "optimizer_variables": optimizer}
            (_, updates), gradients = value_and_grad(weights, others, metrics, *batch, **given)
            return gradients, updates

        gradients, (loss, y_pred, new_others, metrics) = gradient(weights)
        with keras.StatelessScope([*zip(self.non_trainable_variables, others, strict=True)]):
            points = self._uphill(weights, gradients)
        gradients, _ = gradient(points)
        weights, optimizer = self.optimizer.stateless_apply(optimizer, gradients, weights)
        x, y, sample_weight = batch
        logs, metrics = self._update_metrics_variables(metrics, loss, x, y, y_pred, sample_weight)
        return logs, (weights, new_others, optimizer, metrics)

    def _uphill(self, weights, gradients):
        rho = ops.convert_to_tensor(self._rho)
        return uphill(weights, gradients, rho, eta=self.eta if self.adaptive else None)

    def get_config(self):
        return {
            "model": keras.saving.serialize_keras_object(self.model),
            "rho": self.rho,
            "adaptive": self.adaptive,
            "eta": self.eta,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        model = keras.saving.deserialize_keras_object(config["model"], custom_objects)
        return cls(**{**config, "model": model})


def uphill(weights: Any, gradients: Any, rho: Any, *, eta: float | None = None) -> list[Any]:
    """The points w + rho T^2 g / |T g|, where to first order the loss is worst at distance rho.

    Args:
        weights: variables or tensors, w.
        gradients: g, of the same shapes; `None` for a weight that the loss does not depend on.
        rho: a float or a scalar tensor.
        eta: T = |w| + eta; `None` for T = 1.

    Returns:
        A list of tensors; the weights themselves where g is 0 everywhere.

    >>> [point.tolist() for point in map(ops.convert_to_numpy, uphill(
    ...     [ops.zeros((2,))], [ops.convert_to_tensor([3.0, 4.0])], 0.5))]
    [[0.30000001192092896, 0.4000000059604645]]
    """
    weights = [ops.convert_to_tensor(w) for w in weights]
    pairs = zip(weights, gradients, strict=True)
    gradients = [ops.zeros_like(w) if g is None else ops.convert_to_tensor(g) for w, g in pairs]
    scales = [1.0 if eta is None else ops.absolute(w) + eta for w in weights]
    # In float32: the sum of the squares of half-precision gradients overflows.
    scaled = [ops.cast(t * g, "float32") for t, g in zip(scales, gradients, strict=True)]
    squares: Any = ops.sum(ops.stack([ops.sum(ops.square(s)) for s in scaled]))
    step = ops.where(squares > 0, rho * ops.rsqrt(ops.where(squares > 0, squares, 1.0)), 0.0)
    return [
        w + ops.cast(step * s, w.dtype) * t for w, s, t in zip(weights, scaled, scales, strict=True)
    ]


def _recurrent_states(model: keras.Model) -> list[Any]:
    """What stateful recurrent layers keep between batches, which Keras lists among no variables."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]
    return [s for layer in layers if layer.stateful for s in keras.tree.flatten(layer.states)]


_OWN_METHODS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def _check(model: Any, adaptive: Any, eta: Any) -> None:
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise RuntimeError(
            "SharpnessAware has a training step for TensorFlow and one for JAX. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    if not isinstance(model, keras.Model):
        raise ValueError(f"SharpnessAware: `model` must be a keras.Model. Received: {model!r}")
    if not model.built:
        raise ValueError(
            "SharpnessAware: `model` must be built, so that its weights are known: call it on a "
            f"batch first, or begin it with a keras.Input. Received: model={model.name!r}"
        )
    for method in _OWN_METHODS:
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise ValueError(
                f"SharpnessAware uses Keras' own training step, and {type(model).__name__} defines "
                f"its own `{method}`, which would be lost: give it a model without one. "
                f"Received: model={model.name!r}"
            )
    if not isinstance(adaptive, bool):
        raise ValueError(
            f"SharpnessAware: `adaptive` must be a bool. Received: adaptive={adaptive!r}"
        )
    number = isinstance(eta, int | float | np.number) and not isinstance(eta, bool)
    if not number or not 0 <= eta < float("inf"):
        raise ValueError(
            f"SharpnessAware: `eta` must be a finite number >= 0. Received: eta={eta!r}"
        )
