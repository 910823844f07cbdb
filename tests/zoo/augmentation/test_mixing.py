"""MixUp, CutMix and Mix: what holds for all three, and what each does."""

import keras
import numpy as np
import pytest

from occam.zoo.augmentation import CutMix, Mix, MixUp

SHAPES = {MixUp: [(7, 5), (7, 9, 2), (7, 8, 6, 3)], CutMix: [(7, 9, 2), (7, 8, 6, 3)]}
SHAPES[Mix] = SHAPES[CutMix]
CASES = [(kind, shape) for kind, shapes in SHAPES.items() for shape in shapes]
PER = ("batch", "pair", "element")


def samples(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape).astype("float32"), rng.integers(0, 3, size=shape[0])


def constants(shape):
    """Sample `i` is `i` everywhere and of class `i`."""
    count = shape[0]
    x = np.broadcast_to(
        np.arange(count, dtype="float32").reshape(-1, *[1] * (len(shape) - 1)), shape
    )
    return x, np.arange(count)


@pytest.mark.parametrize("per", PER)
@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_labels_are_mixed_like_their_samples(kind, shape, per):
    """The mean of a mix of constants is the mix of the constants, as the label states it."""
    layer = kind(shape[0], per=per, seed=1)
    for _ in range(5):
        x, y = map(np.asarray, layer(constants(shape), training=True))
        assert x.shape == shape
        assert y.shape == (shape[0], shape[0])
        np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-6)
        means = x.reshape(shape[0], -1).mean(axis=1)
        np.testing.assert_allclose(means, y @ np.arange(shape[0]), rtol=1e-5)


@pytest.mark.parametrize(("kind", "shape"), CASES)
def test_one_form_of_labels_and_untouched_samples_at_inference(kind, shape):
    x, y = samples(shape)
    same, soft = kind(3)((x, y), training=False)
    np.testing.assert_array_equal(same, x)
    np.testing.assert_array_equal(soft, np.eye(3)[y])
    np.testing.assert_array_equal(kind(3)((x, y))[0], x)


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_integer_one_hot_and_soft_labels_agree(kind):
    x, y = samples((6, 9, 2))
    one_hot = np.eye(3, dtype="float32")[y]
    results = [
        np.asarray(kind(3)((x, form), training=True, seed=4)[1])
        for form in (y, y.astype("uint8"), one_hot)
    ]
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_per_sets_the_samples_that_share_a_draw(kind):
    def weights(per):
        layer = kind(64, per=per, seed=2)
        _, y = layer(constants((64, 50, 1)), training=True)
        return np.diagonal(np.asarray(y))

    batch, pair, element = map(weights, PER)
    assert len(np.unique(batch)) == 1
    np.testing.assert_array_equal(pair, pair[::-1])
    assert len(np.unique(pair)) > 10
    assert not np.array_equal(element, element[::-1])


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_repeats_under_a_seed_and_config(kind):
    batch = samples((6, 9, 2))
    layer = kind(3, seed=5, per="pair")
    twin = kind.from_config(layer.get_config())
    assert twin.get_config() == layer.get_config()
    for _ in range(2):
        for one, other in zip(layer(batch, training=True), twin(batch, training=True), strict=True):
            np.testing.assert_array_equal(one, other)
    first, second = (layer(batch, training=True, seed=[5, n])[1] for n in range(2))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "uint8"])
def test_types_stay_and_labels_are_float32(kind, dtype):
    x, y = samples((4, 8, 8, 3))
    x = keras.ops.cast(255 * abs(x) / abs(x).max(), dtype)
    mixed, labels = kind(3, dtype="mixed_bfloat16", seed=1)((x, y), training=True)
    assert keras.backend.standardize_dtype(mixed.dtype) == dtype
    assert keras.backend.standardize_dtype(labels.dtype) == "float32"


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_a_single_sample_is_mixed_with_itself(kind):
    x, y = samples((1, 9, 2))
    mixed, labels = kind(3, seed=1)((x, y), training=True)
    np.testing.assert_allclose(mixed, x, rtol=1e-6)
    np.testing.assert_allclose(labels, np.eye(3)[y], rtol=1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_in_tf_data_with_a_partial_last_batch(kind):
    import tensorflow as tf

    x, y = samples((10, 8, 6, 3))
    layer = kind(3, seed=1)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
    mixed = list(batches.map(lambda x, y: layer((x, y), training=True)))
    assert [len(x) for x, _ in mixed] == [4, 4, 2]
    for _, labels in mixed:
        np.testing.assert_allclose(np.sum(labels, axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", [MixUp, CutMix, Mix])
def test_inside_a_training_step(kind):
    class Mixed(keras.Model):
        def __init__(self):
            super().__init__()
            self.mix = kind(3, seed=1)
            self.body = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(3)])

        def build(self, input_shape):
            self.body.build(input_shape)

        def call(self, x):
            return self.body(x)

        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            x, y = self.mix((x, y), training=training)
            return super().compute_loss(x, y, self.body(x), sample_weight, training)

    model = Mixed()
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True))
    history = model.fit(*samples((7, 9, 2)), batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("kind", "names"),
    [(MixUp, ["alpha"]), (CutMix, ["alpha"]), (Mix, ["mixup_alpha", "cutmix_alpha"])],
)
def test_changed_alphas_are_live_without_a_new_trace(kind, names):
    import tensorflow as tf

    layer, traces = kind(8, per="element", seed=1), []

    @tf.function
    def kept():
        traces.append(1)
        return tf.linalg.diag_part(layer(constants((8, 50, 1)), training=True)[1])

    for alpha, mixed in [(0.0, False), (1.0, True), (0.0, False)]:
        for name in names:
            setattr(layer, name, alpha)
        assert (np.min(kept()) < 1) == mixed
    assert len(traces) == 1


def test_mean_ratio_of_mixup_is_a_half():
    _, y = MixUp(2000, alpha=0.4, per="element", seed=3)(constants((2000, 1)), training=True)
    ratio = np.diagonal(np.asarray(y))
    assert abs(ratio.mean() - 0.5) < 4 * np.sqrt(1 / (4 * 1.8) / 2000)


@pytest.mark.parametrize("shape", [(200, 8, 8, 1), (200, 5, 11, 2), (200, 40, 1)])
def test_label_weight_of_cutmix_is_the_changed_area(shape):
    layer = CutMix(2, per="element", seed=3)
    x = np.concatenate([np.zeros((100, *shape[1:])), np.ones((100, *shape[1:]))]).astype("float32")
    mixed, labels = map(np.asarray, layer((x, x.reshape(200, -1)[:, 0].astype(int)), training=True))
    changed = (mixed != x).reshape(200, -1).mean(axis=1)
    own = np.asarray(labels)[np.arange(200), np.repeat([0, 1], 100)]
    np.testing.assert_allclose(1 - own, changed, atol=1e-6)
    assert len(np.unique(changed)) > 10


def test_cutmix_pastes_one_box():
    layer = CutMix(2, seed=6)
    x = np.stack([np.zeros((8, 12, 1)), np.ones((8, 12, 1))])
    for _ in range(10):
        changed = np.asarray(layer((x, np.array([0, 1])), training=True)[0])[0, ..., 0]
        rows, columns = changed.max(axis=1), changed.max(axis=0)
        np.testing.assert_array_equal(changed, np.outer(rows, columns))
        for side in (rows, columns):
            assert np.abs(np.diff(side)).sum() <= 2, "an interval"


def test_mean_area_of_cutmix_without_borders_is_a_half():
    """The part of a long series to paste is uniform; the border cuts some of it."""
    x, y = constants((2000, 500, 1))
    _, labels = CutMix(2000, per="element", seed=7)((x, y), training=True)
    pasted = 1 - np.diagonal(np.asarray(labels))
    # E[min(c + l/2, 1) - max(c - l/2, 0)] = l - l^2 / 4 for a uniform centre c; l ~ U(0, 1)
    assert pasted.mean() == pytest.approx(1 / 2 - 1 / 12, abs=0.02)


@pytest.mark.parametrize(("switch", "probability"), [(0.0, 1.0), (1.0, 1.0), (0.3, 0.6)])
def test_mix_chooses_with_its_probabilities(switch, probability):
    mix = Mix(1000, switch=switch, probability=probability, per="element", seed=1)
    x, _ = constants((1000, 200, 1))
    mixed = np.asarray(mix((x, np.arange(1000)), training=True)[0])[..., 0]
    changed = (mixed != x[..., 0]).any(axis=1)
    blended = changed & (np.ptp(mixed, axis=1) == 0)  # the same at all steps
    bound = 4 * 0.5 / np.sqrt(1000) + 0.01  # the shortest boxes change nothing
    assert abs(changed.mean() - probability) <= bound
    assert abs(blended.mean() - probability * (1 - switch)) <= bound


def test_mix_is_off_after_its_last_epoch():
    mix = Mix(4, last_epoch=2, seed=1)
    batch = constants((4, 50, 1))
    for epoch, off in [(0, False), (2, False), (3, True), (9, True), (1, False)]:
        mix.epoch = epoch
        mixed = [np.array_equal(mix(batch, training=True)[0], batch[0]) for _ in range(4)]
        assert all(mixed) == off
