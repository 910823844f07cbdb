import keras
import numpy as np
import pytest

from occam.zoo.losses import CategoricalCrossentropy
from occam.zoo.metrics import CategoricalAccuracy, DataLoss

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(64, 5)).astype("float32")
LABELS = np.arange(64) % 5
ONE_HOT = np.eye(5, dtype="float32")[LABELS]
SOFT = RNG.dirichlet(np.ones(5), size=64).astype("float32")
FORMS = [LABELS, LABELS[:, None], LABELS.astype("float32"), ONE_HOT, ONE_HOT.astype("int32")]


@pytest.mark.parametrize("labels", FORMS)
def test_equals_keras_for_labels_of_every_form(labels):
    expected = float(keras.losses.CategoricalCrossentropy(from_logits=True)(ONE_HOT, LOGITS))
    assert float(CategoricalCrossentropy()(labels, LOGITS)) == pytest.approx(expected, rel=1e-6)
    metric = DataLoss()
    metric.update_state(labels, LOGITS)
    assert float(metric.result()) == pytest.approx(expected, rel=1e-6)
    theirs, ours = keras.metrics.CategoricalAccuracy(), CategoricalAccuracy()
    theirs.update_state(ONE_HOT, LOGITS)
    ours.update_state(labels, LOGITS)
    assert float(ours.result()) == float(theirs.result()) > 0


def test_equals_keras_on_soft_labels():
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = float(theirs(SOFT, LOGITS))
    assert float(CategoricalCrossentropy()(SOFT, LOGITS)) == pytest.approx(expected, rel=1e-6)


def test_trains_on_soft_and_validates_on_integer_labels_after_save_and_load(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    model.compile("sgd", CategoricalCrossentropy(), metrics=[DataLoss(), CategoricalAccuracy()])
    x = LOGITS[:, :3]
    history = model.fit(x, SOFT, validation_data=(x, LABELS), verbose=0).history
    assert history["val_loss"] == history["val_data_loss"]
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.evaluate(x, LABELS, verbose=0) == model.evaluate(x, LABELS, verbose=0)


def test_metrics_come_back_from_their_configs():
    for metric in (DataLoss(), CategoricalAccuracy("accuracy")):
        again = type(metric).from_config(metric.get_config())
        assert again.get_config() == metric.get_config()
