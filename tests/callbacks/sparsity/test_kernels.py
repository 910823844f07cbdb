import keras
import pytest

from occam.callbacks.sparsity.kernels import check_patterns, select_kernels

layers = keras.layers


def model(*inside, shape=(8, 4)):
    return keras.Sequential([keras.Input(shape), *inside])


def names(*arguments, **kwargs):
    return [
        kernel.variable.path.split("/", 1)[1] for kernel in select_kernels(*arguments, **kwargs)
    ]


def test_each_kernel_once_also_in_nested_models():
    shared = layers.Dense(4, name="shared")
    inner = model(layers.BatchNormalization(), layers.Dense(4, name="inner"))
    outer = model(shared, layers.LayerNormalization(), shared, inner, layers.GRU(3, name="gru"))
    assert names(outer) == [
        "shared/kernel",
        "inner/kernel",
        "gru/gru_cell/kernel",
        "gru/gru_cell/recurrent_kernel",
    ]


def test_frozen_layers_have_none():
    frozen = layers.Dense(2, name="frozen", trainable=False)
    assert names(model(frozen, layers.Dense(2, name="free"))) == ["free/kernel"]


def test_a_pattern_selects_a_layer_and_all_layers_inside():
    whole = model(layers.Dense(4, name="a"), layers.GRU(3, name="gru"), layers.Dense(2, name="b"))
    assert names(whole, layers=["gru"]) == ["gru/gru_cell/kernel", "gru/gru_cell/recurrent_kernel"]
    assert names(whole, layers=[layers.GRU]) == names(whole, layers=["*/gru"])
    assert names(whole, layers=["a", "gru"], exclude=[layers.GRU]) == ["a/kernel"]
    assert names(whole, exclude=["gru", "*/b"]) == ["a/kernel"]


def test_an_empty_selection_names_the_layers_with_kernels():
    whole = model(layers.Dense(4, name="a"), name := layers.Dense(2, name="b"))
    message = rf"trainable kernel: .*/a, {name.path}. Received: layers=\('c',\), exclude=\(\)"
    with pytest.raises(ValueError, match=message):
        select_kernels(whole, layers=("c",))
    with pytest.raises(ValueError, match="with a trainable kernel: none"):
        select_kernels(model(layers.BatchNormalization()))


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match=r"is not built .* Give it a keras.Input"):
        select_kernels(keras.Sequential([layers.Dense(2)]))


def test_a_pattern_of_another_type():
    with pytest.raises(TypeError, match=r"`exclude` must be a layer class.* Received: exclude=3"):
        check_patterns("exclude", [3])


@pytest.mark.parametrize(
    ("layer", "outputs", "inputs"),
    [
        (layers.Dense(3), [(1,)], [(0,)]),
        (layers.Conv1D(3, 2), [(2,)], [(1,)]),
        (layers.Conv1D(4, 2, groups=2), [(2,)], [None]),
        (layers.Conv1DTranspose(3, 2), [(1,)], [(2,)]),
        (layers.DepthwiseConv1D(2, depth_multiplier=2), [(1, 2)], [(1,)]),
        (layers.SeparableConv1D(3, 2), [(1, 2), (2,)], [(1,), (1,)]),
        (layers.EinsumDense("abc,cde->abde", (None, 2, 3)), [(1, 2)], [(0,)]),
        (layers.GRU(3), [None, None], [None, None]),
    ],
)
def test_axes_of_units(layer, outputs, inputs):
    kernels = select_kernels(model(layer))
    assert [kernel.groups("outputs") for kernel in kernels] == outputs
    assert [kernel.groups("inputs") for kernel in kernels] == inputs
