"""`Runtime`: what computes the answers of a version."""

import abc
from collections.abc import Mapping

import numpy as np

from .specs import SignatureSpecs

__all__ = ["Runtime"]


class Runtime(abc.ABC):
    """What computes the answers of a version: TensorFlow, or the runtime of another format.

    Attributes:
        class_names: the name of each class, by class id.
        specs: what goes into each signature and comes out, by its name; `serving_default` first.
    """

    class_names: tuple[str, ...]
    specs: Mapping[str, SignatureSpecs]

    @abc.abstractmethod
    def answer(self, signature: str, features: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name for one or more rows, as the signature's specs say; text as `str`."""
