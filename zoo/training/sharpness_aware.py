"""`SharpnessAware`: a model whose training step seeks flat minima (SAM and ASAM)."""

from typing import Any

import keras
from keras import ops

from ...callbacks.training_hook import check_one_replica
from ...core.checks import check_bool, check_number, check_type
from ...core.live_scalar import LiveScalar


@keras.saving.register_keras_serializable(package="occam")
class SharpnessAware(keras.Model):
    """Trains a model with gradients taken at the worst point nearby.

        w <- w - optimizer(grad L(w + e)),    e = rho T^2 g / |T g|,    g = grad L(w)

    with T = 1 for SAM, and T = |w| + eta for ASAM (`adaptive`), where e is invariant to the scale
    of the weights. The norm is over all trainable weights together, and L contains the penalties.
    Compile and fit the wrapper instead of the model. It shares layers and weights with the model,
    so the model is trained; save the model.

    The second pass draws the same masks as the first. Its other changes (BatchNorm statistics,
    states of random generators) are discarded, and the weights themselves never move to w + e. Loss
    and metrics are taken at w.

    A step takes about twice the time. Otherwise, `compile` and `fit` work as for the model:
    callbacks find its layers, and the files of `ModelCheckpoint` load as a `SharpnessAware` with
    the model in its `model` (with `save_weights_only`, through `load_weights` of a
    `SharpnessAware`). With gradient accumulation, each step goes uphill on its own batch. `rho` is
    a variable of the wrapper, not of the model. `tf.distribute` is not supported.

    Args:
        model: A built Keras model, subclassed or not, with Keras' own training step.
        rho: The distance uphill, >= 0, which can be assigned at any time. The papers use 0.05 for
            SAM and 0.5 to 1 for ASAM. With 0, a step is the ordinary one, up to rounding (except
            for layers that assign trainable weights in `call`, such as `SpectralNormalization`).
        adaptive: Whether to use ASAM instead of SAM.
        eta: Added to |w|, so that weights near 0 move, too; ASAM only.
        name: The name of the wrapper.

    Raises:
        TypeError: If `model` is not a Keras model, or `adaptive` not a bool.
        ValueError: If `rho` or `eta` is not a finite number >= 0, or `model` is not built or
            overrides the training step or loss of `keras.Model`.
        RuntimeError: If Keras runs on neither TensorFlow nor JAX, or, in training, the model was
            created in a `tf.distribute` strategy of several replicas.

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
        # The precision of the model, so half-precision losses are scaled; the model casts inputs.
        super().__init__(name=name, dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.rho = rho
        self.adaptive = adaptive
        self.eta = float(eta)
        self.output_names = getattr(model, "output_names", None)  # the keys of losses and metrics
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
            return super().train_step(*arguments)  # warns
        jax = keras.backend.backend() == "jax"
        return self._jax_step(*arguments) if jax else self._tensorflow_step(*arguments)

    def _tensorflow_step(self, data):
        import tensorflow as tf

        check_one_replica(self, "SharpnessAware")
        batch = keras.utils.unpack_x_y_sample_weight(data)
        x, y, sample_weight = batch
        weights = self.trainable_variables
        others = [*self.non_trainable_variables, *_recurrent_states(self.model)]
        kwargs = {"training": True} if self._call_has_training_arg else {}
        before = [tf.identity(v.value) for v in others]
        with tf.GradientTape() as tape:
            y_pred = self(x, **kwargs)
            loss = self._loss(batch, y_pred)
            scaled = self.optimizer.scale_loss(loss)
        present = next(part for part in keras.tree.flatten(x) if part is not None)
        self._loss_tracker.update_state(loss, sample_weight=tf.shape(present)[0])
        gradients = tape.gradient(scaled, weights)
        # The gradient of an embedding is sparse.
        dense = [g if g is None else tf.convert_to_tensor(g) for g in gradients]
        points = self._uphill(weights, dense)
        with tf.GradientTape() as tape:
            tape.watch(points)
            state = [*zip(weights, points, strict=True), *zip(others, before, strict=True)]
            with keras.StatelessScope(state, collect_losses=True):  # its updates are discarded
                scaled = self.optimizer.scale_loss(self._loss(batch, self(x, **kwargs)))
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
            kwargs = {"training": True, "optimizer_variables": optimizer}
            (_, updates), gradients = value_and_grad(weights, others, metrics, *batch, **kwargs)
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
    """Return the points w + rho T^2 g / |T g|: to first order, the worst loss at distance rho.

    Args:
        weights: The variables or tensors w.
        gradients: The gradients g, of the same shapes; `None` is 0.
        rho: A float or a scalar tensor.
        eta: T = |w| + eta. `None` for T = 1.

    Example:

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
    """Return the states of stateful recurrent layers, which no list of variables contains."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN)]
    return [s for layer in layers if layer.stateful for s in keras.tree.flatten(layer.states)]


_OWN_METHODS = ("train_step", "test_step", "predict_step", "compute_loss", "compute_metrics")


def _check(model: Any, adaptive: Any, eta: Any) -> None:
    if keras.backend.backend() not in ("tensorflow", "jax"):
        raise RuntimeError(
            "SharpnessAware supports the backends TensorFlow and JAX. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    check_type("model", model, keras.Model, "a keras.Model")
    check_bool("adaptive", adaptive)
    check_number("eta", eta, "[0, inf)")
    if not model.built:
        raise ValueError(
            "`model` must be built, so that its weights are known: call it on a batch first, or "
            f"begin it with a keras.Input. Received: model={model.name!r}"
        )
    for method in _OWN_METHODS:
        if getattr(type(model), method) is not getattr(keras.Model, method):
            raise ValueError(
                "SharpnessAware replaces the training step of `model`, so it needs Keras' own "
                f"`{method}`, but {type(model).__name__} defines another. "
                f"Received: model={model.name!r}"
            )
