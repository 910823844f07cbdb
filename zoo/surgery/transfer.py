"""`transfer`: the state of a layer into its copy, bit by bit."""

import tempfile
from typing import Any

import keras
import numpy as np

from .attributes import compare_attributes

__all__ = ["Transfer"]


class Transfer:
    """Gives copies of layers the state of their originals.

    Args:
        keep: whether a penalty or a constraint that a variable has must be on its copy as well.
    """

    def __init__(self, *, keep: bool):
        self.keep = keep
        self.originals: dict[int, Any] = {}  # weights, by the identity of their copies
        self._copies: dict[int, Any] = {}

    def __call__(self, original: Any, copy: Any, path: str, rate: float | None = None) -> None:
        """Copies all weights and assets; `rate` is the new one of the dropout inside, if any.

        Raises:
            ValueError: the copy, made from the config of the original, has other weights, shares
                them otherwise, or lacks a penalty of the original; the message says what to do.
        """
        originals, copies = original.weights, _ordered(copy.weights, original.weights)
        tied = [weight.path for weight in originals if id(weight) in self._copies]
        if [_form(w) for w in originals] != [_form(w) for w in copies]:
            if tied:
                raise ValueError(_of_another(path, tied[0]))
            raise ValueError(
                f"Layer {path!r} ({type(original).__name__}) cannot be copied: made from its "
                f"config it has the weights {_listed(copies)}. Received: {_listed(originals)}. "
                "Let its get_config say all that its weights depend on; of a layer that was "
                "quantized or given LoRA inside, regularize the model before that."
            )
        for old, new in zip(originals, copies, strict=True):
            self._check(old, new, path)
            self.originals[id(new)] = old
            new.assign(np.array(keras.ops.convert_to_numpy(old)))
            if new.trainable != old.trainable:
                new.trainable = old.trainable
        _finish(original, copy)
        compare_attributes(original, copy, path, rate)

    def _check(self, old: Any, new: Any, path: str) -> None:
        if self._copies.setdefault(id(old), new) is not new:
            raise ValueError(_of_another(path, old.path))
        for what in ("regularizer", "constraint") if self.keep else ():
            if getattr(old, what) is not None and getattr(new, what) is None:
                raise ValueError(
                    f"Layer {path!r}: its weight {old.path!r} has a {what} that its config does "
                    f"not have, and that would be lost. Take {old.name}.{what} away and ask for it "
                    "with rules."
                )


def _of_another(path: str, weight: str) -> str:
    return (
        f"Layer {path!r}: its weight {weight!r} is another layer's as well, which their configs do "
        "not say, so that the copy would have two. Call one layer twice instead."
    )


def _ordered(weights: list[Any], like: list[Any]) -> list[Any]:
    """The weights in the order of others, by their names; as they are if names do not tell."""
    names = [weight.name for weight in like]
    by_name = {weight.name: weight for weight in weights}
    return [by_name[n] for n in names] if sorted(by_name) == sorted(names) else weights


def _form(weight: Any) -> tuple[str, tuple[int, ...], str]:
    name = "" if weight.name.startswith("variable") else weight.name  # Keras numbers these
    return name, tuple(weight.shape), str(weight.dtype)


def _listed(weights: Any) -> str:
    return ", ".join(f"{w.name} {tuple(w.shape)} {w.dtype}" for w in weights) or "none"


def _finish(original: Any, copy: Any) -> None:
    """What a layer makes of its weights, or keeps beside them: vocabularies and the like."""
    pairs = zip(original._flatten_layers(), copy._flatten_layers(), strict=True)
    for old, new in pairs:
        if isinstance(new, keras.layers.Normalization):
            new.finalize_state()
        if getattr(old, "stateful", False):  # a recurrent layer, whose states are no weights
            for state, like in zip(*map(keras.tree.flatten, (new.states, old.states)), strict=True):
                state.assign(like)
        if hasattr(old, "save_assets") and hasattr(new, "load_assets"):
            with tempfile.TemporaryDirectory() as directory:
                old.save_assets(directory)
                new.load_assets(directory)
