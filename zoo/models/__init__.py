"""Models by name: functional Keras models, one architecture a file."""

# The modules of the architectures register them.
from . import (  # noqa: F401
    applications,
    cnn1d,
    convnext_tiny,
    fcn,
    ft_transformer,
    gru,
    inception_time,
    lenet,
    mixer_s16,
    mlp,
    realmlp,
    resnet,
    resnet1d,
    tabm,
    tabular_resnet,
    tcn,
    text_cnn,
    vit_tiny,
    wide_resnet,
)
from .architecture import TIERS, Architecture, Setting
from .blueprint import Blueprint, blueprint_of
from .pretrained import Pretrained, list_weights, save_weights
from .registry import (
    create_model,
    get_architecture,
    list_models,
    preset,
    register_model,
    resolve,
    unregister_model,
)

__all__ = [
    "TIERS",
    "Architecture",
    "Blueprint",
    "Pretrained",
    "Setting",
    "blueprint_of",
    "create_model",
    "get_architecture",
    "list_models",
    "list_weights",
    "preset",
    "register_model",
    "resolve",
    "save_weights",
    "unregister_model",
]
