import copy
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from occam import zoo
from occam.callbacks import weight_penalty
from occam.zoo.models import TIERS, get_architecture

IMAGE, SERIES, TABLE, TEXT = (16, 16, 3), (40, 1), (12,), (12,)
# What makes a model small enough to be built many times, without another structure.
SMALL = {
    "cnn1d": (SERIES, {}),
    "convnext_tiny": (
        IMAGE,
        {"patch_size": 2, "depths": (1, 1, 2, 1), "widths": (4, 8, 8, 12), "layer_scale": 0.1},
    ),
    "fcn": (SERIES, {"width": 8}),
    "ft_transformer": (TABLE, {"width": 16, "hidden": 16, "heads": 2}),
    "gru": (SERIES, {}),
    "inception_time": (
        SERIES,
        {"width": 4, "blocks": 1, "kernel_sizes": (48, 4), "bottleneck": 4},
    ),
    "lenet": (IMAGE, {}),
    "mixer_s16": (IMAGE, {"width": 8, "depth": 2, "tokens_units": 8, "channels_units": 16}),
    "mlp": (SERIES, {"units": (64, 64)}),
    "realmlp": (TABLE, {"units": (32, 16)}),
    "resnet1d": (SERIES, {"width": 8}),
    "resnet20": (IMAGE, {"width": 4}),
    "resnet32": (IMAGE, {"width": 4}),
    "resnet56": (IMAGE, {"width": 2}),
    "resnet110": (IMAGE, {"width": 2}),
    "tabm": (TABLE, {"members": 3, "units": (16, 8)}),
    "tabular_resnet": (TABLE, {"width": 16, "hidden": 32}),
    "tcn": (SERIES, {"width": 8, "levels": 3}),
    "text_cnn": (TEXT, {"vocabulary": 10, "width": 8, "filters": 6}),
    "vit_tiny": (IMAGE, {"width": 16, "depth": 2, "heads": 2}),
    "wide_resnet16_4": (IMAGE, {"width": 4}),
    "wide_resnet28_10": (IMAGE, {"width": 1}),
}
MODELS = zoo.list_models()
ON_JAX = keras.backend.backend() == "jax"  # for TensorFlow, XLA compiles longer than this trains
# The same architecture with more blocks is built, but not walked.
ALIKE = ("resnet32", "resnet56", "resnet110", "wide_resnet28_10")
WALKED = [name for name in MODELS if name not in ALIKE]


def build(name, regularization=None, **kwargs):
    """A small model with 10 classes and seed 0."""
    shape, options = SMALL[name]
    arguments = {"input_shape": shape, "num_classes": 10, "seed": 0, **options, **kwargs}
    return zoo.create_model(name, regularization=regularization, **arguments)


def kernels_of(model):
    """All kernels, each `(..., units)`."""
    for layer in model._flatten_layers(include_self=False):
        for weight in layer._trainable_variables:
            if weight.name.endswith("kernel"):
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                value = np.asarray(weight)
                yield weight, value[..., 0] if depthwise else value


def features(name, n=4):
    if name == "text_cnn":
        return np.random.default_rng(0).integers(0, 10, (n, *TEXT)).astype("float32")
    return np.random.default_rng(0).normal(size=(n, *SMALL[name][0])).astype("float32")


def _group_norms(w):
    units = w.reshape(-1, w.shape[-1])
    return np.sqrt(len(units)) * np.linalg.norm(units, axis=0).sum()


def _mean_cosine(w):
    units = w.reshape(-1, w.shape[-1])
    units = units / np.linalg.norm(units, axis=0)
    cosines = np.abs(units.T @ units)
    return cosines[~np.eye(len(cosines), dtype=bool)].mean()


PENALTIES = {
    "l1": lambda w: np.abs(w).sum(),
    "l2": lambda w: np.square(w).sum(),
    "group_lasso": _group_norms,
    "orthogonal": _mean_cosine,
    "hoyer": lambda w: np.abs(w).sum() ** 2 / np.square(w).sum(),
}


def everything(name):
    """A `Regularization` with all fields that the model supports."""
    fields = zoo.Regularization.fields()
    supported = get_architecture(name).supported
    return zoo.Regularization(**{n: fields[n].weakest for n in supported})


def test_every_model_is_tested():
    assert set(MODELS) == set(SMALL)


@pytest.mark.parametrize("name", WALKED)
class TestEveryModel:
    def test_l1_and_l2_penalize_the_sum_over_kernels(self, name):
        model = build(name, zoo.Regularization(l1=1e-3, l2=1e-2))
        kernels = [kernel for _, kernel in kernels_of(model)]
        by_hand = sum(1e-3 * np.abs(k).sum() + 1e-2 * np.square(k).sum() for k in kernels)
        assert len(kernels) == len(model.losses) > 1
        assert float(sum(model.losses)) == pytest.approx(by_hand, rel=1e-5)

    @pytest.mark.parametrize("field", ["l1", "l2", "group_lasso", "orthogonal", "hoyer"])
    def test_each_penalty_reaches_every_kernel_and_nothing_else(self, name, field):
        model = build(name, zoo.Regularization(**{field: 0.01}))
        # Filters of a depthwise convolution read different channels: orthogonal as they are.
        apart = {id(w) for w, _ in kernels_of(model) if field == "orthogonal" and w.shape[-1] == 1}
        kernels = [kernel for weight, kernel in kernels_of(model) if id(weight) not in apart]
        by_hand = 0.01 * sum(map(PENALTIES[field], kernels))
        assert len(model.losses) == len(kernels) + len(apart)
        assert float(weight_penalty(model)) == pytest.approx(by_hand, rel=1e-4)

    def test_the_activity_penalty_is_the_sum_over_hidden_activations(self, name):
        model = build(name, zoo.Regularization(activity_l1=1e-3, activity_l2=1e-2))
        x = features(name)
        model(x)
        penalty = float(sum(model.losses))
        hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Activation)]
        outputs = keras.Model(model.input, [layer.output for layer in hidden])(x)
        h = [np.asarray(o) for o in outputs]
        by_hand = sum(1e-3 * np.abs(a).sum() + 1e-2 * np.square(a).sum() for a in h) / len(x)
        assert len(hidden) >= 1
        assert penalty == pytest.approx(by_hand, rel=1e-4)

    def test_max_norm_bounds_the_weights_into_each_unit(self, name):
        model = build(name, zoo.Regularization(max_norm=0.1))
        for weight, kernel in kernels_of(model):
            bounded = np.asarray(weight.constraint(weight)).reshape(kernel.shape)
            norms = np.sqrt(np.square(bounded).sum(axis=tuple(range(kernel.ndim - 1))))
            assert norms.max() <= 0.1 + 1e-6

    def test_inference_is_deterministic(self, name):
        x = features(name)
        plain, full = build(name), build(name, everything(name))
        for ours, theirs in zip(plain.trainable_weights, full.trainable_weights, strict=True):
            ours.assign(theirs)
        np.testing.assert_array_equal(plain(x, training=False), full(x, training=False))
        assert not np.array_equal(full(x, training=True), full(x, training=True))

    def test_a_gradient_reaches_every_weight(self, name):
        model = build(name, everything(name))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("sgd", loss, jit_compile=ON_JAX)
        before = [np.asarray(w) for w in model.trainable_weights]
        model.fit(features(name, 32), np.arange(32) % 10, epochs=2, verbose=0)
        changed = [
            not np.array_equal(b, w) for b, w in zip(before, model.trainable_weights, strict=True)
        ]
        assert all(changed)

    def test_survives_save_load_and_clone(self, name, tmp_path):
        model = build(name, everything(name))
        x = features(name)
        expected = model.predict(x, verbose=0)
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        np.testing.assert_array_equal(loaded.predict(x, verbose=0), expected)
        assert float(weight_penalty(loaded)) == float(weight_penalty(model)) > 0
        clone = keras.models.clone_model(model)
        clone.set_weights(model.get_weights())
        np.testing.assert_array_equal(clone.predict(x, verbose=0), expected)

    def test_logits_are_float32_in_mixed_precision(self, name):
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            model = build(name, everything(name))
        finally:
            keras.config.set_dtype_policy("float32")
        logits = model(features(name), training=True)
        assert keras.backend.standardize_dtype(logits.dtype) == "float32"

    def test_the_seed_determines_the_weights(self, name):
        first, again, other = build(name), build(name), build(name, seed=1)
        for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
        kernels = zip(kernels_of(first), kernels_of(other), strict=True)
        assert not any(np.array_equal(a, b) for (_, a), (_, b) in kernels)

    def test_each_random_layer_has_another_seed(self, name):
        model = build(name, everything(name))
        seeds = [layer.seed for layer in model.layers if hasattr(layer, "seed")]
        assert len(set(seeds)) == len(seeds) > 1

    def test_tiers_are_presets_from_none_to_strong(self, name):
        amounts = [zoo.preset(name, tier).amount() for tier in TIERS]
        assert amounts[0] == 0
        assert amounts == sorted(set(amounts))
        assert build(name, "medium").blueprint.regularization == zoo.preset(name, "medium")

    def test_an_unsupported_field_is_an_error_that_lists_the_supported_ones(self, name):
        for field in get_architecture(name).unsupported:
            with pytest.raises(
                ValueError, match=rf"{name!r} does not support {field}. It supports: l1,"
            ):
                build(name, zoo.Regularization(**{field: 0.1}))


def test_scarce_data_has_tiers_of_its_own():
    x = np.random.default_rng(0).normal(size=(400, 12)).astype("float32")
    presets = {"light": zoo.Regularization(l2=0.1), "medium": zoo.Regularization(l2=0.2)}
    presets["strong"] = zoo.Regularization(l2=0.3)
    others = {"scarce": {"medium": zoo.Regularization(l1=0.1)}}
    fields = {"supports": ("l1", "l2"), "ranks": (1,), "reference": "none"}

    @zoo.register_model("linear", presets=presets, other_presets=others, **fields)
    def linear(inputs, num_classes, wiring):
        return wiring.head(inputs, num_classes)

    try:
        for classes, l1 in ((3, 0), (4, 0.1)):  # 107 and 80 training samples per class
            data = zoo.load_data((x, np.arange(400) % classes), test=False)
            model = zoo.create_model("linear", data=data, regularization="medium", seed=0)
            assert model.blueprint.regularization.l1 == l1
            assert zoo.preset("linear", "medium", data=data).l1 == l1
            assert zoo.preset("linear", "strong", data=data).l2 == 0.3
    finally:
        zoo.unregister_model("linear")


def test_a_regression_has_tiers_by_the_number_of_its_rows():
    x = np.random.default_rng(0).normal(size=(1200, 3)).astype("float32")
    few = zoo.load_data((x[:1100], x[:1100, 0]), test=False)  # 990 and 1080 training samples
    many = zoo.load_data((x, x[:, 0]), test=False)
    assert zoo.preset("mlp", "strong", data=few) == zoo.Regularization(l2=0.1)
    assert zoo.preset("mlp", "strong", data=many) == zoo.Regularization(l2=0.01)
    assert zoo.preset("mlp", "strong", task="regression", scarce=True).l2 == 0.1
    for data in (few, many):  # no tiers of its own, but what it has for classes but the smoothing
        assert zoo.preset("tabm", "medium", data=data).label_smoothing == 0
        assert zoo.preset("tabm", "medium", data=data).dropout == 0.1


@pytest.mark.parametrize("name", MODELS)
def test_no_two_kernels_start_equal(name):
    kernels = [kernel for _, kernel in kernels_of(build(name))]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels)


@pytest.mark.parametrize("norm", ["layer", "group"])
@pytest.mark.parametrize("name", [n for n in MODELS if "norm" in get_architecture(n).options])
def test_other_normalizations(name, norm):
    model = build(name, norm=norm)
    assert model(features(name)).shape == (4, 10)
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert not norms


def test_an_unknown_normalization_is_refused():
    with pytest.raises(
        ValueError, match=r"`norm` must be one of 'batch', 'layer', 'group'. Received: norm='"
    ):
        build("resnet1d", norm="instance")


def test_stochastic_depth_without_a_residual_block_is_found_out():
    with pytest.raises(ValueError, match="applies stochastic_depth to no layer"):
        build("resnet1d", zoo.Regularization(stochastic_depth=0.2), blocks=0)


def test_no_regularization_adds_no_layers():
    model = build("resnet1d")
    assert model.losses == []
    assert not any("dropout" in layer.name or "depth" in layer.name for layer in model.layers)


def test_blueprint_rebuilds_the_model():
    model = build("mlp", "light", units=(7,), seed=None)
    blueprint = model.blueprint
    assert blueprint.options == {"units": (7,)}
    again = build("mlp", blueprint.regularization, units=(7,), seed=blueprint.seed)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def saved_and_loaded(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return keras.saving.load_model(tmp_path / "model.keras")


COPIES = {
    "save": saved_and_loaded,
    "clone": lambda model, _: keras.models.clone_model(model),
    "deepcopy": lambda model, _: copy.deepcopy(model),
    "from_config": lambda model, _: type(model).from_config(model.get_config()),
    "json": lambda model, _: keras.models.model_from_json(model.to_json()),
    "clone of a clone": lambda model, _: keras.models.clone_model(keras.models.clone_model(model)),
}


@pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method")  # Keras 3.15
@pytest.mark.parametrize(
    ("copied", "kind"),
    [
        *((copied, "created") for copied in COPIES),
        *(("save", kind) for kind in ("regularized", "quantized")),
        *(("clone", kind) for kind in ("regularized", "quantized")),
    ],
)
def test_a_copy_has_the_blueprint(copied, kind, tmp_path):
    model = build("mlp", "medium", units=[7])
    if kind == "regularized":
        model, _ = zoo.regularize(model, zoo.Regularization(l2=1e-3, mixup=0.2))
    if kind == "quantized":
        model.quantize("int8")
    assert model.blueprint.options == {"units": (7,)}
    assert COPIES[copied](model, tmp_path).blueprint == model.blueprint


def test_a_model_of_keras_applications_keeps_its_blueprint():
    model = zoo.create_model(
        "applications/MobileNetV2", input_shape=(32, 32, 3), num_classes=3, regularization="light"
    )
    assert model.blueprint.regularization == zoo.preset("applications/MobileNetV2", "light")
    assert keras.models.clone_model(model).blueprint == model.blueprint


def test_another_process_reads_the_blueprint(tmp_path):
    model = build("mlp", "medium", units=(7,))
    model.save(tmp_path / "model.keras")
    code = (
        "import sys, keras; from occam.zoo import models; "
        "print(models.blueprint_of(keras.saving.load_model(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "model.keras")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(model.blueprint)


def test_surgery_is_part_of_the_blueprint():
    built = zoo.Regularization(dropout=0.1, mixup=0.4, augmentation="light")
    model = build("resnet1d", built)
    rules = {"logits": {"kernel": zoo.regularizers.L1(1e-3)}}
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=1e-4, mixup=0.2), rules=rules)
    blueprint = regularized.blueprint
    assert blueprint.regularization == built.replace(l2=1e-4, mixup=0.2)
    call = "regularize(l2=0.0001, mixup=0.2, rules={'logits': {'kernel': L1(l1=0.001)}})"
    assert blueprint.surgery == (call,)
    assert type(blueprint).from_dict(json.loads(json.dumps(blueprint.to_dict()))) == blueprint
    augmented, _ = zoo.regularize(model, zoo.Regularization(augmentation="strong"))
    assert augmented.blueprint.regularization == built.replace(augmentation="none")  # it is inside
    assert model.blueprint.surgery == ()
    assert "surgery" not in model.blueprint.to_dict()


def test_layer_names_do_not_depend_on_earlier_models():
    first = [layer.name for layer in build("resnet1d", "medium").layers]
    keras.layers.Dense(1)
    assert [layer.name for layer in build("resnet1d", "medium").layers] == first
    # and one more layer on a model of the zoo still has a name of its own
    model, head = build("mlp"), keras.layers.Dense(1)
    assert head.name not in {layer.name for layer in model.layers}
    assert keras.Model(model.input, head(model.output)).output_shape == (None, 1)


def test_without_a_seed_the_global_seed_applies():
    keras.utils.set_random_seed(3)
    first = build("mlp", seed=None).get_weights()
    keras.utils.set_random_seed(3)
    again = build("mlp", seed=None).get_weights()
    np.testing.assert_array_equal(first[0], again[0])
    assert not np.array_equal(build("mlp", seed=None).get_weights()[0], first[0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "resnet2"}, r"No model 'resnet2'. Did you mean 'resnet..' or "),
        ({"name": "xyz"}, r"No model 'xyz'. Registered: cnn1d, convnext_tiny, "),
        (
            {"regularization": "heavy"},
            r"\(none, light, medium, strong\) or None. Received: regularization='heavy'",
        ),
        ({"num_classes": 1}, r"`num_classes` must be an integer >= 2. Received: num_classes=1"),
        (
            {"input_shape": (40,)},
            r"`input_shape` must be 2 positive .* model .resnet1d.. .*\(40,\)",
        ),
        ({"input_shape": (None, 1)}, r"positive integers, .*\(None, 1\)"),
        ({"units": (3,)}, r"has no option units. Its options: width, blocks, kernel_size, norm"),
        (
            {"name": "lenet", "input_shape": (8, 8, 1)},
            r"at least 16 steps or pixels along each side for model 'lenet'. .*\(8, 8, 1\)",
        ),
        (
            {"name": "vit_tiny", "input_shape": (30, 32, 1)},
            r"`patch_size` must be a divisor of the height 30 and the width 32. Received: .*=4",
        ),
    ],
)
def test_errors(change, message):
    arguments = {"name": "resnet1d", "input_shape": (40, 1), "num_classes": 10, **change}
    with pytest.raises(ValueError, match=message):
        zoo.create_model(**arguments)


NO_PRESETS = {tier: zoo.Regularization() for tier in ("light", "medium", "strong")}
ABOUT = {"supports": ("l2",), "presets": NO_PRESETS, "ranks": (1,), "reference": "nobody, 2026, -"}


def test_registering():
    with pytest.raises(ValueError, match="'mlp' is already registered"):
        zoo.register_model("mlp", **ABOUT)(lambda inputs, num_classes, wiring: inputs)
    with pytest.raises(
        ValueError, match="`presets` must be a mapping of the tiers light, medium, strong"
    ):
        zoo.register_model("new", **{**ABOUT, "presets": {"light": zoo.Regularization()}})
    dropout = {**NO_PRESETS, "strong": zoo.Regularization(dropout=0.5)}
    with pytest.raises(ValueError, match="'new' does not support dropout"):
        zoo.register_model("new", **{**ABOUT, "presets": dropout})(lambda inputs, n, wiring: inputs)
    assert "new" not in zoo.list_models()


def test_an_architecture_that_ignores_a_supported_penalty_is_an_error():
    @zoo.register_model("forgetful", **ABOUT)
    def forgetful(inputs, num_classes, wiring):
        return keras.layers.Dense(num_classes)(inputs)

    arguments = {"input_shape": (4,), "num_classes": 3}
    zoo.create_model("forgetful", **arguments)
    with pytest.raises(ValueError, match=r"applies l2 to no layer: .* Regularization\(l2=0.1"):
        zoo.create_model("forgetful", **arguments, regularization=zoo.Regularization(l2=0.1))
    with pytest.raises(
        ValueError, match=r"`supports` must be made of the fields l1, l2.*Received: .*bogus"
    ):
        zoo.register_model("other", **{**ABOUT, "supports": ("l2", "bogus")})
    zoo.unregister_model("forgetful")


def test_numpy_numbers_are_accepted():
    model = build("mlp", input_shape=(np.int64(4),), num_classes=np.int64(3))
    assert model.output_shape == (None, 3)
    assert zoo.Regularization(l2=np.float32(0.5)).l2 == 0.5
