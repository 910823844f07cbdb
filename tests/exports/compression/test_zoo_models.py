"""Shrinking and folding on models of the zoo with all regularizing layers."""

import pytest

from occam import exports, zoo

SERIES, IMAGE = (40, 1), (8, 8, 3)
MODELS = {
    "mlp": (SERIES, {"units": (32, 32)}),
    "cnn1d": (SERIES, {"width": 8}),
    "resnet1d": (SERIES, {"width": 8, "blocks": 2}),
    "fcn": (SERIES, {"width": 8}),
    "inception_time": (
        SERIES,
        {"width": 4, "blocks": 1, "kernel_sizes": (8, 4), "bottleneck": 4},
    ),
    "resnet20": (IMAGE, {"width": 4}),
    "wide_resnet16_4": (IMAGE, {"width": 2}),
    "convnext_tiny": (IMAGE, {"depths": (1, 1), "widths": (6, 8), "patch_size": 2}),
    "vit_tiny": (IMAGE, {"width": 12, "depth": 1}),
}
FIELDS = {"drop_connect", "dropout", "spatial_dropout", "drop_block", "stochastic_depth", "noise"}


@pytest.fixture(params=MODELS)
def model(request, give_weights):
    shape, options = MODELS[request.param]
    supported = FIELDS & set(zoo.models.get_architecture(request.param).supported)
    regularization = zoo.Regularization(**dict.fromkeys(supported, 0.1))
    model = zoo.create_model(
        request.param,
        input_shape=shape,
        num_classes=5,
        regularization=regularization,
        seed=0,
        **options,
    )
    give_weights(model, dead=0.5)
    return model


def test_shrunk_and_folded_models_answer_as_before(model, same_answers):
    shrunk, report = exports.shrink(model)
    same_answers(model, shrunk)
    assert report.parameters_after < 0.85 * report.parameters_before
    folded, folding = exports.fold_batch_norm(model)
    same_answers(model, folded)
    both, second = exports.shrink(folded)
    same_answers(model, both)
    assert second.parameters_after <= report.parameters_after
    norms = sum(type(layer).__name__ == "BatchNormalization" for layer in folded.layers)
    assert norms == len(folding.refused)
    # which normalize what was added or concatenated, not the answer of one convolution
    refusing = ("inception_time", "wide_resnet16_4")
    assert bool(norms) == (model.name in refusing)
