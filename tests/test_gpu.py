"""Test on a GPU what could differ there: XLA, half precision, callbacks in the graph."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from occam import callbacks, exports, tuning, zoo

pytestmark = pytest.mark.skipif(
    not tf.config.list_physical_devices("GPU"), reason="TensorFlow finds no GPU on this machine"
)

SHAPE, CLASSES, ROWS = (8, 8, 1), 3, 96

# All that is random inside of a model, and a penalty of each kind.
EVERYTHING = zoo.Regularization(
    l2=1e-3,
    orthogonal=1e-4,
    activity_l2=1e-4,
    max_norm=3.0,
    dropout=0.2,
    spatial_dropout=0.1,
    drop_block=0.1,
    drop_connect=0.1,
    stochastic_depth=0.3,
    noise=0.1,
)


@pytest.fixture(autouse=True)
def exact_float32():
    """TensorFloat-32 keeps 10 bits of a float32: too few for what is compared here."""
    enabled = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(enabled)


@pytest.fixture
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def images():
    """Three classes that a small network tells apart, and their labels."""
    generator = np.random.default_rng(0)
    labels = np.arange(ROWS) % CLASSES
    centers = generator.normal(size=(CLASSES, *SHAPE))
    noise = generator.normal(scale=0.3, size=(ROWS, *SHAPE))
    return (centers[labels] + noise).astype("float32"), labels


def network(regularization=None):
    return zoo.create_model(
        "resnet20",
        input_shape=SHAPE,
        num_classes=CLASSES,
        regularization=regularization or zoo.Regularization(),
        seed=0,
    )


def on_gpu(weights):
    return all("GPU" in weight.value.device for weight in weights)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"], indirect=True)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_layers_penalties_and_callbacks_train_in_the_compiled_step(policy, jit_compile, images):
    model = network(EVERYTHING)
    assert on_gpu(model.trainable_weights)
    model.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
        steps_per_execution=3,
    )
    history = model.fit(
        *images,
        batch_size=16,
        epochs=3,
        validation_data=images,
        verbose=0,
        callbacks=[
            callbacks.LossLedger(train_eval=0.5),
            callbacks.ProximalPenalty(l1=1e-3),
            callbacks.WeightAverage(decay=0.9),
            callbacks.GradientNorms(images),
            callbacks.EarlyStopping(patience=5),
        ],
    ).history
    assert all(np.isfinite(values).all() for values in history.values())
    parts = np.add(history["data_loss"], history["penalty"])
    np.testing.assert_allclose(history["loss"], parts, rtol=1e-3)
    assert history["data_loss"][-1] < history["data_loss"][0]


@pytest.mark.parametrize("name", ["mlp", "resnet20", "convnext_tiny", "gru", "tcn"])
def test_inference_on_the_gpu_is_that_of_the_cpu(name):
    shape = SHAPE if name in ("mlp", "resnet20") else (32, 32, 3) if "_" in name else (20, 2)
    options = {"depths": (1, 1, 1, 1), "widths": (8, 8, 8, 8)} if name == "convnext_tiny" else {}
    model = zoo.create_model(name, input_shape=shape, num_classes=CLASSES, seed=0, **options)
    x = np.random.default_rng(0).normal(size=(5, *shape)).astype("float32")
    with tf.device("CPU"):
        expected = model(tf.constant(x), training=False).numpy()
    with tf.device("GPU"):
        answer = model(tf.constant(x), training=False).numpy()
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-4)


def test_a_run_is_trained_tuned_exported_and_served(digits, tmp_path):
    model = zoo.create_model(
        "mlp", input_shape=digits.input_shape, num_classes=10, regularization="medium", seed=0
    )
    run = zoo.train(model, digits, epochs=3, log_dir=tmp_path / "run", verbose=0)
    assert on_gpu(model.trainable_weights)
    assert run.result["validation"]["accuracy"] > 0.5
    search = {"space": ["l2", "dropout"], "max_trials": 2, "epochs": 1, "verbose": 0}
    found = tuning.tune("mlp", digits, directory=tmp_path / "trials", **search)
    assert len(str(found).splitlines()) >= 2
    exports.export(model, tmp_path / "exports", preprocessing=digits.preprocessing)
    features, _ = next(iter(digits.raw("test")))
    answer = exports.load(tmp_path / "exports").predict(features)
    np.testing.assert_allclose(answer["probabilities"].sum(axis=-1), 1.0, rtol=1e-5)


def test_a_stopped_training_goes_on(images, tmp_path):
    def train(epochs):
        keras.utils.set_random_seed(0)
        model = network(zoo.Regularization(l2=1e-3))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss)
        backup = callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        options = {"shuffle": False, "verbose": 0, "callbacks": [backup]}
        return model.fit(*images, batch_size=32, epochs=epochs, **options).history["loss"]

    first = train(1)
    assert train(2)[:1] == first
