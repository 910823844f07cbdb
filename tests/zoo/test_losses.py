import keras
import numpy as np
import pytest

from occam.zoo.losses import SparseCategoricalCrossentropy

LOGITS = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
LABELS = np.arange(64) % 5


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("labels", [LABELS, LABELS[:, None], LABELS.astype("float32")])
def test_equals_keras_on_one_hot_labels(smoothing, labels):
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    expected = float(theirs(np.eye(5)[LABELS], LOGITS))
    assert float(SparseCategoricalCrossentropy(smoothing)(labels, LOGITS)) == pytest.approx(
        expected, rel=1e-6
    )


def test_survives_save_and_load(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    model.compile(loss=SparseCategoricalCrossentropy(0.2))
    x, y = LOGITS[:, :3], LABELS
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.loss.label_smoothing == 0.2
    assert loaded.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_refuses_a_smoothing_out_of_range(smoothing):
    with pytest.raises(ValueError, match=r"label_smoothing must be a number in \[0, 1\). Received"):
        SparseCategoricalCrossentropy(smoothing)
