import keras
import numpy as np
import pytest

from occam.zoo.evaluation import weight_statistics


def test_a_convolution_is_a_matrix_with_a_column_for_each_filter():
    layer = keras.layers.Conv2D(3, 2, name="conv")
    model = keras.Sequential([keras.Input((5, 5, 2)), layer])
    kernel = np.random.default_rng(0).normal(size=(2, 2, 2, 3)).astype("float32")
    kernel[0] = 0
    layer.set_weights([kernel, np.zeros(3)])
    (found,) = weight_statistics(model)
    singular = np.linalg.svd(kernel.reshape(8, 3).astype("float64"))[1]
    shares = singular / singular.sum()
    assert found.path.endswith("conv/kernel")
    assert found.shape == (2, 2, 2, 3)
    assert found.sparsity == 0.5
    assert found.norm == pytest.approx(np.linalg.norm(singular))
    assert found.spectral_norm == pytest.approx(singular[0])
    assert found.effective_rank == pytest.approx(np.prod(shares**-shares))
    assert found.full_rank == 3


@pytest.mark.parametrize(
    ("kernel", "rank"),
    [(np.eye(4), 4), (np.ones((4, 4)), 1), (np.diag([1, 1, 0, 0]), 2), (np.zeros((4, 4)), 0)],
)
def test_the_effective_rank_of_equal_singular_values_is_their_number(kernel, rank):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, use_bias=False)])
    model.set_weights([kernel])
    assert weight_statistics(model)[0].effective_rank == pytest.approx(rank, abs=1e-5)


def test_embeddings_recurrent_and_frozen_kernels_are_listed_once_and_biases_are_not():
    embedding = keras.layers.Embedding(10, 4, name="words")
    shared = keras.layers.Dense(4, name="shared")
    shared.trainable = False
    x = keras.Input((6,), dtype="int32")
    y = keras.layers.GRU(4, name="gru")(shared(shared(embedding(x))))
    model = keras.Model(x, keras.layers.BatchNormalization()(y))
    names = [each.path for each in weight_statistics(model)]
    assert sorted(name.split("/")[-1] for name in names) == [
        *("embeddings", "kernel", "kernel", "recurrent_kernel")
    ]
    assert len(set(names)) == 4


def test_a_model_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match="`model` must be built"):
        weight_statistics(keras.Sequential([keras.layers.Dense(2)]))
    with pytest.raises(TypeError, match=r"`model` must be a keras\.Model"):
        weight_statistics(keras.layers.Dense(2))
