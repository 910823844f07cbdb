"""Kernels and drop rates inside the layers of keras-hub, and refusals."""

import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest

from occam import zoo

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of TensorFlow Text
    hub = pytest.importorskip("keras_hub", reason="keras-hub is an extra").models

STRENGTH, RATE = 1e-3, 0.2
TEXT = {
    "vocabulary_size": 20,
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "max_sequence_length": 6,
}
DECODER = {
    "vocabulary_size": 20,
    "num_layers": 2,
    "num_query_heads": 2,
    "num_key_value_heads": 1,
    "hidden_dim": 8,
    "intermediate_dim": 12,
    "dropout": 0.1,
}
IMAGE = (16, 16, 3)


def vit():
    return hub.ViTBackbone(
        image_shape=(8, 8, 3),
        patch_size=4,
        num_layers=2,
        num_heads=2,
        hidden_dim=8,
        mlp_dim=12,
        dropout_rate=0.1,
        attention_dropout=0.1,
        use_patch_bias=False,  # which the config of its layer does not say
    )


def t5():
    return hub.T5Backbone(
        vocabulary_size=20, num_layers=1, num_heads=2, hidden_dim=8, intermediate_dim=12
    )


def whisper():
    return hub.WhisperBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=12,
        num_mels=4,
        dropout=0.1,
        max_encoder_sequence_length=8,
        max_decoder_sequence_length=6,
    )


def resnet():
    return hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64, 8],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=IMAGE,
    )


def efficientnet():
    return hub.EfficientNetBackbone(
        width_coefficient=0.1,
        depth_coefficient=0.1,
        image_shape=IMAGE,
        stackwise_kernel_sizes=[3, 3],
        stackwise_num_repeats=[1, 1],
        stackwise_input_filters=[8, 8],
        stackwise_output_filters=[8, 8],
        stackwise_expansion_ratios=[1, 2],
        stackwise_squeeze_and_excite_ratios=[0.25, 0.25],
        stackwise_strides=[1, 1],
        stackwise_block_types=["v1", "v1"],
    )


def mobilenet():
    return hub.MobileNetBackbone(
        stackwise_expansion=[[8, 8], [8]],
        stackwise_num_blocks=[2, 1],
        stackwise_num_filters=[[8, 8], [8]],
        stackwise_kernel_size=[[3, 3], [5]],
        stackwise_num_strides=[[2, 1], [1]],
        stackwise_se_ratio=[[None, None], [0.25]],
        stackwise_activation=[["relu", "relu"], ["hard_swish"]],
        stackwise_padding=[[1, 1], [2]],
        input_num_filters=8,
        input_activation="hard_swish",
        input_padding="same",
        output_num_filters=16,
        output_activation="hard_swish",
        last_layer_filter=16,
        depthwise_filters=8,
        depthwise_stride=1,
        depthwise_residual=True,
        squeeze_and_excite=0.5,
        image_shape=IMAGE,
    )


def classifier(name, backbone):
    return lambda: getattr(hub, name)(backbone=backbone(), num_classes=3)


def bert():
    return hub.BertBackbone(**TEXT)


# The models, and how many kernels are penalized and how many places drop; in all of the backbones
# that drop, the output itself is refused, one for each of the outputs without a head.
MODELS = {
    "bert": (bert, 13, 3, 1),
    "gpt2": (lambda: hub.GPT2Backbone(**TEXT), 12, 2, 1),
    "vit": (vit, 13, 2, 1),
    "whisper": (whisper, 18, 2, 2),
    "efficientnet": (efficientnet, 11, 0, 0),
    "llama": (lambda: hub.LlamaBackbone(**DECODER), 14, 2, 1),
    "ViTImageClassifier": (classifier("ViTImageClassifier", vit), 14, 3, 0),
}
MORE = {
    "bart": (lambda: hub.BartBackbone(**TEXT | {"num_layers": 1}), 16, 2, 2),
    "BertTextClassifier": (classifier("BertTextClassifier", bert), 14, 3, 0),
    "roberta": (lambda: hub.RobertaBackbone(**TEXT), 12, 2, 1),
    "xlm_roberta": (lambda: hub.XLMRobertaBackbone(**TEXT), 12, 2, 1),
    "distil_bert": (lambda: hub.DistilBertBackbone(**TEXT), 12, 2, 1),
    "opt": (lambda: hub.OPTBackbone(**TEXT), 12, 2, 1),
    "t5": (t5, 18, 2, 2),
    "gemma": (lambda: hub.GemmaBackbone(**DECODER, head_dim=4), 14, 2, 1),
    "mistral": (lambda: hub.MistralBackbone(**DECODER), 14, 2, 1),
    "resnet": (resnet, 6, 0, 0),
    "mobilenet": (mobilenet, 17, 0, 0),
    "ResNetImageClassifier": (classifier("ResNetImageClassifier", resnet), 7, 1, 0),
    "RobertaTextClassifier": (
        classifier("RobertaTextClassifier", lambda: hub.RobertaBackbone(**TEXT)),
        *(14, 3, 0),
    ),
}
CASES = [
    *MODELS,
    *(pytest.param(name, marks=pytest.mark.exhaustive) for name in MORE),
]


def example(model):
    """Tokens with padding at the end, or images or spectrograms of noise."""
    rng = np.random.default_rng(0)

    def draw(tensor):
        shape = (2, *(6 if size is None else size for size in tensor.shape[1:]))
        if "padding_mask" in tensor.name:
            return np.array([[1] * 4 + [0] * (shape[1] - 4)] * 2, "int32")
        if "int" in tensor.dtype:
            return rng.integers(0, 2 if "segment" in tensor.name else 20, shape).astype("int32")
        return rng.normal(size=shape).astype("float32")

    return keras.tree.map_structure(draw, model.input)


def sorted_values(check, model):
    """All weights, in an order independent of the layers."""
    values = check.values(check.without_rates(model.weights))
    return sorted((value.shape, value.tobytes()) for value in values)


def sum_by_hand(check, model):
    kernels = [weight for weight in model.trainable_weights if "kernel" in weight.name]
    kernels = {id(w): v for w, v in zip(kernels, check.values(kernels), strict=True)}
    return sum(float((value.astype("float64") ** 2).sum()) for value in kernels.values())


@pytest.mark.filterwarnings("ignore:Layer '.*:UserWarning")  # T5: masks are lost
@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called on layer 'transformer")  # T5
@pytest.mark.parametrize("name", CASES)
def test_a_model_of_keras_hub(name, check, tmp_path):
    make, kernels, rates, outputs = {**MODELS, **MORE}[name]
    model = make()
    wanted = zoo.Regularization(l2=STRENGTH, dropout=RATE if rates else 0.0)
    regularized, report = zoo.regularize(model, wanted)
    assert (len(report.penalties), len(report.applied)) == (kernels, kernels + rates)
    assert [change.asked for change in report.refused] == [("dropout",)] * outputs
    regularized.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    cloned = keras.models.clone_model(regularized)
    cloned.set_weights(regularized.get_weights())
    x = example(model)
    expected = check.outputs(model, x)
    for copy in (regularized, loaded, cloned):
        check.assert_same(check.outputs(copy, x), expected)
        assert len(copy.losses) == kernels
        by_hand = STRENGTH * sum_by_hand(check, model)
        assert check.total(copy) == pytest.approx(by_hand, rel=1e-5)
        assert {la.name for la in copy.layers} == {la.name for la in regularized.layers}
        inside = [
            inner.rate
            for layer in copy.layers
            if type(layer).__module__.startswith("keras_hub.src.layers" if rates else "no")
            for inner in layer._flatten_layers(include_self=False)
            if type(inner) is keras.layers.Dropout
        ]
        assert set(inside) <= {RATE}
    assert {type(layer).__name__ for layer in model._flatten_layers(include_self=False)} <= {
        *(type(layer).__name__ for layer in regularized._flatten_layers()),
        type(getattr(model, "backbone", model)).__name__,
    }
    assert sorted_values(check, regularized) == sorted_values(check, model)
    stripped = zoo.strip(loaded)
    check.assert_same(check.outputs(stripped, x), expected)
    assert not stripped.losses
    for layer in stripped._flatten_layers():
        assert not (isinstance(layer, zoo.layers.Penalized) and layer.penalties)


def test_a_composite_layer_stays_what_it_is():
    model = bert()
    regularized, _ = zoo.regularize(model, zoo.Regularization(l2=STRENGTH))
    block = regularized.get_layer("transformer_layer_0")
    assert isinstance(block, type(model.get_layer("transformer_layer_0")))
    assert block._feedforward_output_dense.kernel.shape == (12, 8)
    kernel = block._feedforward_output_dense.kernel
    assert kernel.regularizer is block._feedforward_output_dense.kernel_regularizer
    before = float(sum(regularized.losses))
    kernel.regularizer.l2 = 2 * STRENGTH
    added = STRENGTH * np.sum(np.square(keras.ops.convert_to_numpy(kernel)))  # pyright: ignore[reportCallIssue]
    assert float(sum(regularized.losses)) == pytest.approx(before + added, rel=1e-5)
    block.trainable = False
    assert len(regularized.losses) == 13 - 6


def test_rules_reach_inside():
    rules = {
        "*/query/kernel": zoo.regularizers.L1(0.1),
        "transformer_layer_1": None,
        "feedforward_*": {"kernel": zoo.regularizers.L2(0.2), "max_norm": 1.0},
    }
    regularized, report = zoo.regularize(bert(), rules=rules)
    assert [(p.layer, p.name, type(p.variable.regularizer).__name__) for p in report.penalties] == [
        ("transformer_layer_0", "self_attention_layer/query/kernel", "L1"),
        ("transformer_layer_0", "feedforward_intermediate_dense/kernel", "L2"),
        ("transformer_layer_0", "feedforward_output_dense/kernel", "L2"),
        ("transformer_layer_1", "self_attention_layer/query/kernel", "L1"),
    ]
    dense = regularized.get_layer("transformer_layer_0")._feedforward_output_dense
    assert dense.kernel.constraint.max_value == 1.0


def test_the_loss_of_a_classifier_contains_the_penalty_and_nothing_is_to_be_linted():
    model, _ = zoo.regularize(
        MORE["BertTextClassifier"][0](), zoo.Regularization(l2=STRENGTH, dropout=RATE)
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert zoo.lint(model) == []
    x, y = example(model), np.array([0, 2])
    logits = keras.ops.convert_to_numpy(model(x))
    data_loss = -np.mean((logits - np.log(np.exp(logits).sum(-1, keepdims=True)))[[0, 1], y])  # pyright: ignore[reportCallIssue]
    loss = model.test_on_batch(x, y)
    assert loss == pytest.approx(data_loss + float(sum(model.losses)), rel=1e-5)


def test_another_process_loads_it(check, tmp_path):
    model, _ = zoo.regularize(
        MODELS["ViTImageClassifier"][0](), zoo.Regularization(l2=STRENGTH, dropout=RATE)
    )
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x := example(model))
    code = (
        "import sys, keras, numpy as np\n"
        "from occam.zoo import surgery\n"
        "model = keras.saving.load_model(sys.argv[1])\n"
        "np.save(sys.argv[3], model(np.load(sys.argv[2])))\n"
        "print(len(model.losses), sum(map(float, model.losses)))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    command += [str(tmp_path / name) for name in ("model.keras", "x.npy", "y.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["14", str(check.total(model))]
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), check.outputs(model, x)[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: hub.GPT2CausalLM(backbone=hub.GPT2Backbone(**TEXT)),
            r"calls layer 'token_embedding' in the models .* regularize the inner model alone",
        ),
        (
            lambda: hub.BertMaskedLM(backbone=bert()),
            r"'mlm_head' shares its weight 'token_embedding/embeddings' with another layer",
        ),
        (
            lambda: hub.GPT2Backbone(**TEXT, dropout=0.0),
            r"dropout changes nothing.*transformer_layer_0 dropout: dropout: attention "
            "without dropout computes in another order.* make the layer with dropout above 0",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        zoo.regularize(make(), zoo.Regularization(dropout=RATE))
