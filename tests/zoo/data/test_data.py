import cloudpickle
import keras
import numpy as np
import pytest

from occam.zoo.data import load_data


def orders(batches, epochs, steps):
    """Return the labels of the batches, which identify an epoch."""
    labels = [labels for _, labels in batches.take(epochs * steps).as_numpy_iterator()]
    return [np.concatenate(labels[i * steps : (i + 1) * steps]).tolist() for i in range(epochs)]


def test_only_train_is_shuffled_at_each_iteration(digits, collect):
    first, second = (collect(digits.train)[1] for _ in range(2))
    assert first.tolist() != second.tolist()
    assert np.bincount(first).tolist() == np.bincount(second).tolist()
    for fixed in (digits.validation, digits.test):
        np.testing.assert_array_equal(collect(fixed)[0], collect(fixed)[0])


def test_an_epoch_holds_every_example_once(digits, collect):
    steps = digits.steps_per_epoch
    assert steps == 13
    features, _ = collect(digits.epochs(seed=1).skip(steps).take(steps))
    expected, _ = collect(digits.train)
    assert len(features) == 1293
    rows = [np.sort(part.reshape(1293, -1), axis=0) for part in (features, expected)]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_a_resumed_stream_continues_the_uninterrupted_one(digits):
    steps = digits.steps_per_epoch
    whole = orders(digits.epochs(seed=7), 4, steps)
    assert orders(digits.epochs(2, seed=7), 2, steps) == whole[2:]
    assert len({tuple(order) for order in whole}) == 4
    assert orders(digits.epochs(seed=8), 1, steps) != whole[:1]


def test_iterations_of_train_are_the_epochs_of_its_seed(data_dir):
    data = load_data("digits", data_dir=data_dir, seed=5)
    iterations = [orders(data.train, 1, data.steps_per_epoch)[0] for _ in range(3)]
    assert iterations == orders(data.epochs(seed=5), 3, data.steps_per_epoch)


def test_cardinalities(digits):
    assert digits.train.cardinality() == 13
    assert digits.test.cardinality() == 4
    assert digits.epochs(seed=0).cardinality() == -1  # infinite


def test_preprocessing_of_raw_batches_gives_the_parts(digits, collect):
    serialized = keras.saving.serialize_keras_object(digits.preprocessing)
    layer = keras.saving.deserialize_keras_object(serialized)
    for name, part in (("validation", digits.validation), ("test", digits.test)):
        raw, _ = collect(digits.raw(name))
        assert (raw.min(), raw.max()) == (0.0, 16.0)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(layer(raw)), collect(part)[0])


def test_raw_of_an_unknown_part(digits):
    with pytest.raises(
        ValueError, match=r"must be one of .train., .validation., .test.\. Received: split=.dev"
    ):
        digits.raw("dev")


def test_describe():
    data = load_data("breast_cancer")
    assert data.describe().splitlines() == [
        "name        breast_cancer",
        "from        breast_cancer/1.0.0",
        "input       (30,) float32, in memory",
        "task        classification",
        "batches     5 of 100 in an epoch",
        "inputs are  standardized over the last axis, by the training part",
        "",
        "class      train  validation  test",
        "malignant    153          17    42",
        "benign       256          29    72",
        "all          409          46   114",
    ]


def test_keras_fit_accepts_the_data(digits):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"], steps_per_execution=13)
    model.fit(digits.epochs(seed=0), steps_per_epoch=13, epochs=15, shuffle=False, verbose="0")
    assert model.evaluate(digits.test, verbose="0")[1] > 0.9


@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_saved_data_keeps_test_part_and_classes(name, data_dir, tmp_path, collect):
    data = load_data(name, data_dir=data_dir)
    data.save(tmp_path / "data.npz")
    loaded = load_data(tmp_path / "data.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["data.npz"]
    assert sorted(loaded.class_names) == sorted(data.class_names)
    (x, y), (x_loaded, y_loaded) = collect(data.raw("test")), collect(loaded.raw("test"))
    np.testing.assert_array_equal(x_loaded, x)
    names, names_loaded = np.array(data.class_names), np.array(loaded.class_names)
    assert (names_loaded[y_loaded] == names[y]).all()


def test_the_roughness_is_the_change_from_step_to_step():
    x = np.tile([1.0, -1.0], (50, 4))[..., None]  # standardized already: each change is 2
    data = load_data((x, np.arange(50) % 2), batch_size=16)
    assert data.roughness == pytest.approx(2.0)


def test_data_that_was_used_can_be_pickled(digits, collect):
    expected = collect(digits.validation)
    next(iter(digits.epochs(seed=0)))
    copy = cloudpickle.loads(cloudpickle.dumps(digits))
    for ours, theirs in zip(collect(copy.validation), expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
