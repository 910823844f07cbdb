"""Parameter counts of the papers, and properties of single architectures."""

import keras
import numpy as np
import pytest

from occam import zoo
from occam.zoo.layers import StochasticDepth
from occam.zoo.models import get_architecture

# Trainable parameters: how they are known, and the paper's own words.
COUNTS = [
    # Greydanus & Kobak 2020, table 1 and the code beside it
    ("mlp", (40, 1), 10, {"units": (100, 100)}, 15_210),
    ("cnn1d", (40, 1), 10, {}, 5_210),
    ("gru", (40, 1), 10, {}, 5_134),
    # Bai et al. 2018, table 1, "70K": 2 (7 c + 1) 25 + 15 (7 25 + 1) 25 ... by hand, with 50 for
    # each of 16 normalizations, 50 for the projection, 260 for the logits
    ("tcn", (784, 1), 10, {"levels": 8, "kernel_size": 7}, 66_910),
    # LeCun et al. 1998, by hand: 156 + 2416 + 48120 + 10164 + 850
    ("lenet", (32, 32, 1), 10, {}, 61_706),
    # He et al. 2015, table 6: 0.27 M, 0.46 M, 0.85 M, 1.7 M; option A, by hand
    ("resnet20", (32, 32, 3), 10, {}, 269_722),
    ("resnet32", (32, 32, 3), 10, {}, 464_154),
    ("resnet56", (32, 32, 3), 10, {}, 853_018),
    ("resnet110", (32, 32, 3), 10, {}, 1_727_962),
    # Zagoruyko & Komodakis 2016, table 4: 2.7 M and 36.5 M
    ("wide_resnet16_4", (32, 32, 3), 10, {}, 2_748_890),
    ("wide_resnet28_10", (32, 32, 3), 10, {}, 36_479_194),
    # `keras.applications.ConvNeXtTiny`, tested below; Liu et al. 2022, table 1: 29 M
    ("convnext_tiny", (224, 224, 3), 1000, {}, 28_589_128),
    # Touvron et al. 2021, table 1: 5.7 M; by hand
    ("vit_tiny", (224, 224, 3), 1000, {"patch_size": 16}, 5_717_416),
    # Tolstikhin et al. 2021, table 1: 18 M; by hand
    ("mixer_s16", (224, 224, 3), 1000, {"patch_size": 16}, 18_528_264),
    # Holzmüller et al. 2024 state no counts. By hand: 30 83 + 120 + 30976 + 2 65792 + 514
    ("realmlp", (30,), 2, {}, 165_684),
    # Gorishniy et al. 2025 state no counts. By hand: 480 + 3968 + 2 16512 + 4128
    ("tabm", (30,), 2, {}, 41_600),
    # Gorishniy et al. 2021 state no counts. By hand: 5952 + 2 (384 + 74112 + 73920) + 384 + 386
    ("tabular_resnet", (30,), 2, {}, 303_554),
    # By hand: 11520 + 192 + 3 (4 37056 + 148160) + 6 384 + 386
    ("ft_transformer", (30,), 2, {}, 903_554),
    ("resnet1d", (40, 1), 10, {}, 31_658),
    # Wang et al. 2017 state no counts. By hand, with biases as in their equation 1: (8 c + 1) 128
    # + (5 128 + 1) 256 + (3 256 + 1) 128 + 2 (128 + 256 + 128) for c channels, and the logits
    ("fcn", (40, 1), 10, {}, 1_152 + 164_096 + 98_432 + 1_024 + 1_290),
    ("fcn", (24, 3), 2, {}, 3_200 + 164_096 + 98_432 + 1_024 + 258),
    # Ismail Fawaz et al. 2020 state no counts. By hand, without biases as in their code, a module:
    # c 32 + (40 + 20 + 10) 32 32 + c 32 + 2 128 for c > 1 channels, (70 + 1) 32 + 2 128 for one;
    # a shortcut: c 128 + 2 128
    ("inception_time", (40, 1), 10, {}, 2_528 + 5 * 80_128 + 384 + 16_640 + 1_290),
    ("inception_time", (24, 3), 2, {}, 72_128 + 5 * 80_128 + 640 + 16_640 + 258),
    # Kim 2014 states no counts. By hand: embeddings, filters of 3, 4 and 5 words, logits
    ("text_cnn", (20,), 2, {"vocabulary": 1000}, 128_000 + 100 * (12 * 128 + 3) + 602),
]


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_every_model_is_counted():
    assert {count[0] for count in COUNTS} == set(zoo.list_models())


@pytest.mark.parametrize(("name", "shape", "classes", "options", "count"), COUNTS)
def test_parameters(name, shape, classes, options, count):
    model = zoo.create_model(name, input_shape=shape, num_classes=classes, **options)
    assert trainable(model) == count


@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("mlp", (10,), {"units": (8, 8)}),
        ("resnet1d", (20, 1), {}),
        ("resnet20", (8, 8, 1), {}),
        ("vit_tiny", (8, 8, 1), {"patch_size": 4, "width": 24, "depth": 2}),
        ("tabular_resnet", (10,), {}),
        ("realmlp", (10,), {}),
    ],
)
def test_the_regularization_changes_no_initial_weight(name, shape, options):
    fields = zoo.Regularization.fields()
    on = {
        n: fields[n].weakest
        for n in get_architecture(name).supported
        if fields[n].where != "samples"
    }
    arguments = {"input_shape": shape, "num_classes": 3, "seed": 7, **options}
    models = [
        zoo.create_model(name, regularization=zoo.Regularization(**values), **arguments)
        for values in ({}, on)
    ]
    assert len(models[1].weights) > len(models[0].weights)  # rates of the random layers
    for one, other in zip(*(model.trainable_weights for model in models), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_convnext_tiny_equals_that_of_keras_applications():
    theirs = keras.applications.ConvNeXtTiny(weights=None, include_preprocessing=False)
    ours = zoo.create_model("convnext_tiny", input_shape=(224, 224, 3), num_classes=1000)
    kernels = (
        sorted(sorted(w.shape) for w in model.trainable_weights if len(w.shape) > 1)
        for model in (theirs, ours)
    )
    assert next(kernels) == next(kernels)
    assert trainable(ours) == trainable(theirs)


def test_resnet20_has_20_layers_halves_twice_and_pads_its_shortcuts_with_zeros():
    model = zoo.create_model("resnet20", input_shape=(32, 32, 3), num_classes=10)
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert len(convolutions) + 1 == 20
    sums = [layer.output.shape[1:] for layer in model.layers if isinstance(layer, keras.layers.Add)]
    assert sums == [(32, 32, 16)] * 3 + [(16, 16, 32)] * 3 + [(8, 8, 64)] * 3


def test_tcn_looks_back_and_never_ahead():
    model = zoo.create_model("tcn", input_shape=(40, 1), num_classes=2, levels=2, kernel_size=3)
    sees = 1 + 2 * (3 - 1) * (2**2 - 1)
    x = np.random.default_rng(0).normal(size=(1, 40, 1)).astype("float32")
    for back, changes in [(sees - 1, True), (sees, False)]:
        other = x.copy()
        other[0, -1 - back] += 100
        assert np.array_equal(model(x), model(other)) != changes


def test_wide_resnet_drops_out_between_the_convolutions_of_a_block():
    regularization = zoo.Regularization(dropout=0.3)
    model = zoo.create_model(
        "wide_resnet16_4",
        input_shape=(32, 32, 3),
        num_classes=10,
        regularization=regularization,
        width=4,
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Dropout") == 6
    for place in (i for i, kind in enumerate(kinds) if kind == "Dropout"):
        assert (kinds[place - 1], kinds[place + 1]) == ("Activation", "Conv2D")


def test_attention_equals_that_of_keras():
    from occam.zoo.models.blocks import self_attention
    from occam.zoo.models.wiring import Wiring

    inputs = keras.Input((5, 8))
    wiring = Wiring(zoo.Regularization(), seed=0)
    model = keras.Model(inputs, self_attention(inputs, 2, wiring))
    theirs = keras.layers.MultiHeadAttention(2, 4)
    x = np.random.default_rng(0).normal(size=(3, 5, 8)).astype("float32")
    theirs.build(x.shape, x.shape)
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    dense.sort(key=lambda layer: int(layer.name.partition("_")[2] or 0))  # as they were made
    weights = [weight for layer in dense for weight in layer.get_weights()]
    theirs.set_weights([w.reshape(v.shape) for w, v in zip(weights, theirs.weights, strict=True)])
    np.testing.assert_allclose(model(x), theirs(x, x), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"`heads` must be a divisor of .* 8. Received: heads=3"):
        self_attention(inputs, 3, wiring)


@pytest.mark.parametrize(
    ("name", "shape", "blocks"),
    [("resnet1d", (40, 1), 3), ("inception_time", (40, 1), 2), ("resnet20", (32, 32, 3), 9)],
)
def test_stochastic_depth_rates_rise_linearly(name, shape, blocks):
    regularization = zoo.Regularization(stochastic_depth=0.4)
    model = zoo.create_model(name, input_shape=shape, num_classes=10, regularization=regularization)
    rates = [layer.rate for layer in model.layers if isinstance(layer, StochasticDepth)]
    assert rates == pytest.approx(np.linspace(0, 0.4, blocks))
    assert rates[-1] == 0.4


def created(model, kind):
    """The weights of the layers of a kind, in the order in which they were made."""
    layers = [layer for layer in model.layers if isinstance(layer, kind)]
    layers.sort(key=lambda layer: [int(n) for n in layer.name.split("_") if n.isdigit()])
    return iter([layer.get_weights() for layer in layers])


def convolve(x, kernel, bias=0.0):
    """A convolution of padding "same", which puts the odd zero at the end."""
    size = len(kernel)
    padded = np.pad(x, ((0, 0), ((size - 1) // 2, size // 2), (0, 0)))
    windows = np.stack([padded[:, t : t + size] for t in range(x.shape[1])], axis=1)
    return np.einsum("btkc,kcf->btf", windows, kernel) + bias


def normalize(x, gamma, beta, mean, variance):
    """Normalize as `keras.layers.BatchNormalization` does at inference."""
    return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta


def series_model(name, channels, **options):
    """A model for 24 steps, which kernels of 40 exceed, with random weights; and its inputs."""
    model = zoo.create_model(name, input_shape=(24, channels), num_classes=3, seed=0, **options)
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 0.5, w.shape) for w in model.weights])
    return model, rng.normal(size=(2, 24, channels)).astype("float32")


def test_fcn_equals_three_convolutions_by_hand():
    model, x = series_model("fcn", 2, width=4)
    norms = created(model, keras.layers.BatchNormalization)
    h = x
    for (kernel, bias), size in zip(created(model, keras.layers.Conv1D), (8, 5, 3), strict=True):
        assert len(kernel) == size
        h = np.maximum(normalize(convolve(h, kernel, bias), *next(norms)), 0)
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(model(x), h.mean(axis=1) @ kernel + bias, rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 2])  # one has no bottleneck before its first module
def test_inception_time_equals_its_modules_by_hand(channels):
    model, x = series_model("inception_time", channels, width=3, bottleneck=2)
    kernels = (kernel for (kernel,) in created(model, keras.layers.Conv1D))
    norms = created(model, keras.layers.BatchNormalization)
    h = x
    for _ in range(2):
        shortcut = h
        for _ in range(3):
            narrow = convolve(h, next(kernels)) if h.shape[-1] > 1 else h
            parts = [convolve(narrow, next(kernels)) for _ in (40, 20, 10)]
            around = np.pad(h, ((0, 0), (1, 1), (0, 0)), constant_values=-np.inf)
            maxima = np.maximum(np.maximum(around[:, :-2], h), around[:, 2:])
            parts.append(convolve(maxima, next(kernels)))
            h = np.maximum(normalize(np.concatenate(parts, axis=-1), *next(norms)), 0)
        h = np.maximum(normalize(convolve(shortcut, next(kernels)), *next(norms)) + h, 0)
    assert next(kernels, None) is None
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_allclose(model(x), h.mean(axis=1) @ kernel + bias, rtol=1e-4)
