"""Models by name: plain functional Keras models, one architecture a file."""

from .blueprint import Blueprint, blueprint_of
from .mlp import mlp as mlp
from .registry import (
    TIERS,
    Architecture,
    create_model,
    get_architecture,
    list_models,
    preset,
    register_model,
    resolve,
    unregister_model,
)
from .resnet1d import resnet1d as resnet1d
from .resnet20 import resnet20 as resnet20

__all__ = [
    "TIERS",
    "Architecture",
    "Blueprint",
    "blueprint_of",
    "create_model",
    "get_architecture",
    "list_models",
    "preset",
    "register_model",
    "resolve",
    "unregister_model",
]
