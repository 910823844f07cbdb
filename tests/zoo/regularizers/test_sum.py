import keras
import numpy as np
import pytest

from occam.zoo.regularizers import L1, L2, GroupLasso, Sum

KERNEL = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def test_is_the_sum_of_its_terms_which_stay_live():
    penalty = Sum([L1(0.1), "l2", GroupLasso(0.3)])
    parts = [float(term(KERNEL)) for term in (L1(0.1), L2(), GroupLasso(0.3))]
    assert float(penalty(KERNEL)) == pytest.approx(sum(parts), rel=1e-6)
    penalty.terms[0].l1 = 0.0
    assert float(penalty(KERNEL)) == pytest.approx(sum(parts[1:]), rel=1e-6)


def test_survives_save_and_load(tmp_path):
    layer = keras.layers.Dense(3, kernel_regularizer=Sum([L1(0.1), GroupLasso(0.3)]))
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert float(sum(loaded.losses)) == float(sum(model.losses)) > 0
    assert [type(t) for t in loaded.layers[0].kernel_regularizer.terms] == [L1, GroupLasso]


@pytest.mark.parametrize("terms", [[], [None], ["l2", None], 5, "l2"])
def test_refuses_what_is_no_regularizer(terms):
    with pytest.raises(
        ValueError, match=r"`terms` must be a list of regularizers, one or more. Received: "
    ):
        Sum(terms)
