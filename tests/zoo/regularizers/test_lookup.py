import keras
import numpy as np
import pytest

from occam.zoo import regularizers
from occam.zoo.regularizers import L1, L1L2, L2, GroupLasso, Hoyer, Orthogonal, Sum

KERNEL = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[
            ("l1", L1),
            ("L1", L1),
            ("l2", L2),
            ("l1_l2", L1L2),
            ("l1l2", L1L2),
            ("occam>L2", L2),
            (L2, L2),
            (keras.regularizers.L2, L2),
        ],
        *[("GroupLasso", GroupLasso), ("Hoyer", Hoyer), ("OrthogonalRegularizer", Orthogonal)],
    ],
)
def test_a_name_gives_the_class_with_its_defaults(name, kind):
    penalty = regularizers.get(name)
    assert type(penalty) is kind
    assert penalty.get_config() == kind().get_config()


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (keras.regularizers.L2(0.25), L2(0.25)),
        (keras.regularizers.L1(0.25), L1(0.25)),
        (keras.regularizers.L1L2(0.25, 0.5), L1L2(0.25, 0.5)),
        (keras.regularizers.OrthogonalRegularizer(0.25, "columns"), Orthogonal(0.25, "columns")),
    ],
)
def test_keras_own_and_their_configs_are_translated(theirs, ours):
    for identifier in (theirs, keras.regularizers.serialize(theirs)):
        penalty = regularizers.get(identifier)
        assert type(penalty) is type(ours)
        assert penalty.get_config() == ours.get_config()


def test_our_configs_come_back():
    penalty = GroupLasso(0.3, axis=0)
    restored = regularizers.get(keras.regularizers.serialize(penalty))
    assert type(restored) is GroupLasso
    assert restored.get_config() == penalty.get_config()


def test_none_ours_and_any_callable_are_returned_as_they_are():
    assert regularizers.get(None) is None
    for identifier in (L2(0.1), lambda x: 0.0):
        assert regularizers.get(identifier) is identifier


def test_anything_else_is_refused():
    with pytest.raises(
        ValueError, match=r"`identifier` must be the name of one of GroupLasso, Hoyer, .*'l3'"
    ):
        regularizers.get("l3")
    with pytest.raises(ValueError, match=r"a config or a callable. Received: identifier=0.1"):
        regularizers.get(0.1)


def test_a_sum_adds_its_terms_and_keeps_them_live():
    penalty = Sum([L1(0.1), "l2", GroupLasso(0.3)])
    parts = [float(term(KERNEL)) for term in (L1(0.1), L2(), GroupLasso(0.3))]
    assert float(penalty(KERNEL)) == pytest.approx(sum(parts), rel=1e-6)
    penalty.terms[0].l1 = 0.0
    assert float(penalty(KERNEL)) == pytest.approx(sum(parts[1:]), rel=1e-6)


def test_a_sum_survives_save_and_load(tmp_path):
    layer = keras.layers.Dense(3, kernel_regularizer=Sum([L1(0.1), GroupLasso(0.3)]))
    model = keras.Sequential([keras.Input((4,)), layer])
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert float(sum(loaded.losses)) == float(sum(model.losses)) > 0
    assert [type(t) for t in loaded.layers[0].kernel_regularizer.terms] == [L1, GroupLasso]


@pytest.mark.parametrize("terms", [[], [None], ["l2", None], 5, "l2"])
def test_terms_must_be_regularizers(terms):
    with pytest.raises(ValueError, match=r"`terms` must be a list of one or more regularizers"):
        Sum(terms)
