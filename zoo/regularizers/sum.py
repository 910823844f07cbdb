"""`Sum`: several penalties on one tensor."""

from collections.abc import Sequence
from typing import Any

import keras

from .lookup import get

__all__ = ["Sum"]


@keras.saving.register_keras_serializable(package="occam")
class Sum(keras.regularizers.Regularizer):
    """Several penalties on one tensor, where Keras takes a single regularizer.

        penalty = sum over terms of  term(W)

    The terms keep their strengths, which can be changed: `penalty.terms[0].l2 = 1e-4`.

    Args:
        terms: regularizers, or what `zoo.regularizers.get` makes one of.

    Shapes: what the terms take, a scalar out.

    Raises:
        ValueError: there is no term, or one of them is no regularizer.

    Example:

    >>> from occam.zoo.regularizers import L1, L2
    >>> float(Sum([L1(1.0), L2(0.5)])(keras.ops.convert_to_tensor([1.0, -2.0])))
    5.5
    """

    def __init__(self, terms: Sequence[Any]):
        if not isinstance(terms, list | tuple) or not terms or None in terms:
            raise ValueError(
                f"Sum: `terms` must be a list of regularizers, one or more. Received: {terms!r}"
            )
        self.terms = [get(term) for term in terms]

    def __call__(self, x: Any) -> Any:
        return sum(term(x) for term in self.terms)

    def get_config(self) -> dict[str, Any]:
        return {"terms": [keras.saving.serialize_keras_object(term) for term in self.terms]}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Sum":
        terms = [keras.saving.deserialize_keras_object(term) for term in config["terms"]]
        return cls(terms)
