"""The transform of training batches: which layers, in which order, and only there."""

import numpy as np
import pytest

from occam import zoo
from occam.zoo.augmentation import CutMix, LabelSmoothing, Mix, MixUp, Pipeline
from occam.zoo.training import engine, train_transform


def kinds(digits, **fields):
    layers = train_transform(digits, zoo.Regularization(**fields)).layers
    return [type(layer) for layer in layers]


def test_the_layers_follow_the_equation(digits):
    assert kinds(digits, l2=1e-3, dropout=0.5) == []
    assert kinds(digits, mixup=0.2) == [MixUp]
    assert kinds(digits, cutmix=1.0) == [CutMix]
    everything = {"label_smoothing": 0.1, "mixup": 0.2, "cutmix": 1.0, "augmentation": "light"}
    assert kinds(digits, **everything) == [Pipeline, Mix, LabelSmoothing]


def test_the_layers_have_the_strengths(digits):
    fields = {"mixup": 0.3, "cutmix": 0.7, "label_smoothing": 0.2}
    mix, smoothing = train_transform(digits, zoo.Regularization(**fields)).layers
    assert (mix.mixup_alpha, mix.cutmix_alpha, smoothing.epsilon) == (0.3, 0.7, 0.2)


def test_augmented_images_stay_in_the_range_of_the_data(digits):
    assert digits.value_range == (0, 16)
    layer = train_transform(digits, zoo.Regularization(augmentation="strong"))
    x = np.concatenate([x for x, _ in digits.validation.as_numpy_iterator()])
    augmented = np.asarray(layer(x, training=True))
    assert not np.array_equal(augmented, x)
    low, high = (digits.preprocessing(np.full((1, 8, 8, 1), v)) for v in digits.value_range)
    assert augmented.min() >= np.min(low) - 1e-5
    assert augmented.max() <= np.max(high) + 1e-5


def test_cutmix_of_a_table_is_an_error_before_training(data_dir, tmp_path):
    table = zoo.load_data("breast_cancer", data_dir=data_dir)
    model = zoo.create_model(
        "mlp", input_shape=(30,), num_classes=2, regularization=zoo.Regularization(cutmix=1.0)
    )
    with pytest.raises(ValueError, match=r"`cutmix` needs series or images.*use mixup. .*cutmix=1"):
        zoo.train(model, table, log_dir=tmp_path / "run", verbose=0)
    assert not (tmp_path / "run").exists()


def test_training_batches_depend_on_seed_and_epoch_only(digits):
    def batches(seed=0, first_step=0, count=1, **fields):
        regularization = zoo.Regularization(**fields)
        stream = engine.training_batches(digits, regularization, seed=seed, first_step=first_step)
        return [[np.asarray(part) for part in batch] for batch in stream.take(count)]

    ((plain, labels),) = batches()
    fields = {"mixup": 1.0, "augmentation": "strong"}
    steps = digits.steps_per_epoch
    *first, (next_epoch, _) = batches(count=steps + 1, **fields)
    x, y = first[0]
    assert x.shape == plain.shape
    assert not np.array_equal(x, plain)
    assert y.shape == (*labels.shape, 10)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(batches(**fields)[0][0], x)
    np.testing.assert_array_equal(batches(first_step=steps, **fields)[0][0], next_epoch)
    assert not np.array_equal(batches(seed=1, **fields)[0][0], x)


def test_training_with_every_field_is_reproducible(digits):
    def history():
        fields = zoo.Regularization.fields()
        training = zoo.Regularization.names("training")
        regularization = zoo.Regularization(**{n: fields[n].weakest for n in training})
        model = zoo.create_model(
            "mlp",
            input_shape=(8, 8, 1),
            num_classes=10,
            regularization=regularization.replace(drop_connect=0.1),
            seed=0,
            units=(32,),
        )
        run = zoo.train(model, digits, epochs=12, verbose=0)
        assert run.result["test"]["accuracy"] > 0.8
        return run.history

    assert history() == history()


def test_the_noise_of_series_follows_their_roughness():
    steps = np.linspace(0, 2 * np.pi, 100)
    x = np.sin(steps + np.arange(40)[:, None])[..., None]  # changes by 2 pi / 99 a step
    data = zoo.load_data((x, np.arange(40) % 2), batch_size=16)
    augment = train_transform(data, zoo.Regularization(augmentation="light")).layers[0]
    assert augment.layers[-1].stddev == pytest.approx(0.1 * 2 * np.pi / 99 / 0.6, rel=0.02)
