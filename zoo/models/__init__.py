"""Models by name: functional Keras models, one architecture a file."""

from . import applications as applications
from .architecture import TIERS, Architecture
from .blueprint import Blueprint, blueprint_of
from .cnn1d import cnn1d as cnn1d
from .convnext_tiny import convnext_tiny as convnext_tiny
from .ft_transformer import ft_transformer as ft_transformer
from .gru import gru as gru
from .lenet import lenet as lenet
from .mixer_s16 import mixer_s16 as mixer_s16
from .mlp import mlp as mlp
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
from .resnet import resnet20 as resnet20
from .resnet import resnet32 as resnet32
from .resnet import resnet56 as resnet56
from .resnet import resnet110 as resnet110
from .resnet1d import resnet1d as resnet1d
from .tabular_resnet import tabular_resnet as tabular_resnet
from .tcn import tcn as tcn
from .vit_tiny import vit_tiny as vit_tiny
from .wide_resnet import wide_resnet16_4 as wide_resnet16_4
from .wide_resnet import wide_resnet28_10 as wide_resnet28_10

__all__ = [
    "TIERS",
    "Architecture",
    "Blueprint",
    "Pretrained",
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
