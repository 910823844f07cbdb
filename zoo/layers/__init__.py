"""Layers that regularize, with strengths that can be changed at any time, and parts of models."""

from .concrete_dropout import ConcreteDropout
from .drop_block import DropBlock
from .drop_connect import DropConnect
from .dropout import Dropout, SpatialDropout
from .ensemble import EnsembleMean, MemberScale
from .gaussian_noise import GaussianNoise
from .penalized import Penalized
from .periodic_embedding import PeriodicEmbedding
from .residual_branch import ResidualBranch
from .stochastic_depth import StochasticDepth, depth_rates, linear_depth_rates

__all__ = [
    "ConcreteDropout",
    "DropBlock",
    "DropConnect",
    "Dropout",
    "EnsembleMean",
    "GaussianNoise",
    "MemberScale",
    "Penalized",
    "PeriodicEmbedding",
    "ResidualBranch",
    "SpatialDropout",
    "StochasticDepth",
    "depth_rates",
    "linear_depth_rates",
]
