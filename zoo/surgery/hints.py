"""`hint`, `subclassed`: why a request may have changed nothing in a model, and what to do."""

import keras

from ..regularization import Regularization

__all__ = ["hint", "subclassed"]

_NO_KERNEL = "It has no kernel whose layer takes a regularizer."
_NO_ACTIVATION = "It has no hidden layer with an activation."
_NO_CONVOLUTION = (
    "It has no hidden convolution with an activation after it: name layers in rules, "
    'for example {{"conv*": {{"{name}": 0.1}}}}.'
)
_HINTS = {
    **dict.fromkeys(Regularization.names("kernels"), _NO_KERNEL),
    **dict.fromkeys(Regularization.names("activations"), _NO_ACTIVATION),
    **dict.fromkeys(Regularization.names("maps"), _NO_CONVOLUTION),
    "stochastic_depth": "It has no residual sum: an Add of two tensors of one shape, one of which "
    "goes into the computation of the other.",
    "drop_connect": "It has no hidden Dense, EinsumDense or Conv layer.",
    "dropout": "It has no head: no last layer with units, and no global pooling at the end.",
}


def hint(name: str) -> str:
    """Why a field of `Regularization` may have found no place."""
    return _HINTS.get(name, "").format(name=name)


def subclassed(model: keras.Model) -> str:
    """What to do with a model whose inside cannot be seen or changed."""
    return (
        f"{type(model).__name__} is subclassed, and what it calls inside cannot be seen or "
        "changed: build it of the same layers as a functional model, or give its constructor "
        "(and get_config) an argument kernel_regularizer that it passes on to its layers."
    )
