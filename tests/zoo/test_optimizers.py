import keras
import numpy as np
import pytest

from occam.zoo.optimizers import AdamW, adamw, cosine_with_warmup


@pytest.fixture
def model():
    model = keras.Sequential(
        [keras.Input((4, 3)), keras.layers.Conv1D(2, 3), keras.layers.BatchNormalization()]
    )
    for weight in model.weights:
        weight.assign(np.ones(weight.shape))
    return model


def after_a_step_without_gradient(model):
    """The weights by their last name, after one update with a gradient of 0."""
    variables = model.trainable_variables
    model.optimizer.apply([keras.ops.zeros_like(v) for v in variables], variables)
    return {v.path.rsplit("/", 1)[-1]: np.asarray(v) for v in variables}


def test_decays_kernels_only_also_after_save_and_load(model, tmp_path):
    model.compile(AdamW(learning_rate=0.5, weight_decay=0.1), "mse")
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    for subject in (model, keras.saving.load_model(tmp_path / "model.keras")):
        weights = after_a_step_without_gradient(subject)
        np.testing.assert_allclose(weights["kernel"], 1 - 0.5 * 0.1, rtol=1e-6)
        for name in ("bias", "gamma", "beta"):
            np.testing.assert_array_equal(weights[name], 1)


def test_excluded_variables_are_not_decayed_either(model):
    optimizer = AdamW(weight_decay=0.1)
    kernel = model.layers[0].kernel
    assert optimizer.decays(kernel)
    optimizer = AdamW(weight_decay=0.1)
    optimizer.exclude_from_weight_decay(var_list=[kernel])
    assert not optimizer.decays(kernel)


def test_cosine_starts_above_zero_peaks_and_ends_at_zero():
    schedule = cosine_with_warmup(0.3, 1000, warmup=0.1)
    rates = np.array([float(schedule(step)) for step in range(1001)])
    assert rates[0] == pytest.approx(0.03)
    assert rates.argmax() == 100
    assert rates.max() == pytest.approx(0.3)
    assert rates[550] == pytest.approx(0.15, rel=1e-3)
    assert rates[-1] == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_a_short_training_still_learns(steps):
    schedule = cosine_with_warmup(0.1, steps)
    assert all(float(schedule(step)) > 0 for step in range(steps))


def test_patterns_and_rank_survive_save_and_load(model, tmp_path):
    optimizer = AdamW(0.5, weight_decay=0.1, decay_min_rank=0, no_decay=["*/kernel"])
    model.compile(optimizer, "mse")
    optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    for subject in (model, keras.saving.load_model(tmp_path / "model.keras")):
        table = subject.optimizer.policy(subject.trainable_variables)
        assert [line.split()[-1] for line in table.splitlines() if "/kernel" in line] == [
            "*/kernel"
        ]
        assert table.count("yes") == 3
        weights = after_a_step_without_gradient(subject)
        np.testing.assert_array_equal(weights["kernel"], 1)
        np.testing.assert_allclose(weights["bias"], 1 - 0.5 * 0.1, rtol=1e-6)


def test_embeddings_do_not_decay_by_default():
    embedding = keras.layers.Embedding(5, 3)
    embedding.build((None,))
    assert not AdamW(weight_decay=0.1).decays(embedding.embeddings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay_min_rank": -1}, "`decay_min_rank` must be an integer >= 0. Received: .*=-1"),
        ({"no_decay": "bias"}, "`no_decay` must be a list of patterns. Received: no_decay='bias'"),
    ],
)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdamW(**arguments)


def test_adamw_is_the_two_together():
    optimizer = adamw(0.3, 100, weight_decay=0.2)
    assert optimizer.weight_decay == 0.2
    assert float(optimizer.learning_rate) == pytest.approx(0.03)


def test_biases_and_scales_of_higher_rank_do_not_decay_either():
    x = keras.Input((4, 6))
    y = keras.layers.MultiHeadAttention(2, 3)(x, x)
    model = keras.Model(x, keras.layers.LayerNormalization(axis=[1, 2])(y))
    optimizer = AdamW(weight_decay=0.1)
    decaying = {v.path.rsplit("/", 1)[-1] for v in model.trainable_variables if optimizer.decays(v)}
    assert decaying == {"kernel"}
    assert any(len(v.shape) > 1 and v.path.endswith("bias") for v in model.trainable_variables)
