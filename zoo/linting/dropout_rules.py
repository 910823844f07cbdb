"""OCC4: dropout and noise that are misplaced, too strong or have one seed."""

from collections.abc import Iterator
from typing import Any

import keras

from ...core.layer_kinds import Kind, drop_rates, kind_of, seed_generators
from .rule import Found, Training, rule
from .view import Place, View, drops_units, keeps_values, passes_on

_MUCH = 0.8


@rule("OCC401", "two stochastic layers with one seed")
def one_seed(view: View, training: Training) -> Iterator[Found]:
    """Layers that draw the same numbers, and so drop the same units or flip the images they turn.

    Layers of Occam mix a seed with their names, so they draw differently.
    """
    seen: set[int] = set()  # the draws from a shared generator differ
    first: dict[tuple[bool, int], Place] = {}
    for place in view.places:
        for generator in seed_generators(place.layer):
            seed = generator.get_config()["seed"]
            if seed is None or id(generator) in seen:
                continue
            seen.add(id(generator))
            owner = _owner(place, seed)
            other = first.setdefault((_draws_normal(place.layer), seed), owner)
            if other != owner:
                yield (
                    owner.path,
                    f"it draws the same random numbers as `{other.path}`: both have seed {seed}.",
                    "Give each layer another seed, or none.",
                )


def _owner(place: Place, seed: int) -> Place:
    """Return the outermost layer with the seed, which passed it to its inner layers."""
    while place.parent is not None and getattr(place.parent.layer, "seed", None) == seed:
        place = place.parent
    return place


def _draws_normal(layer: Any) -> bool:
    return kind_of(layer) is Kind.NOISE or isinstance(layer, keras.layers.GaussianDropout)


@rule("OCC402", "dropout directly before BatchNorm")
def dropout_before_batch_norm(view: View, training: Training) -> Iterator[Found]:
    """Dropout, which raises the variance that BatchNorm learns above the variance at inference.

    Activations and layers that only change the shape may be in between. Reference: Li et al.,
    Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift, 2019,
    https://arxiv.org/abs/1801.05134
    """
    for call in view.calls():
        batch_norm = isinstance(call.operation, keras.layers.BatchNormalization)
        if not batch_norm or not call.operation.trainable:
            continue
        for source in view.before(call, through=keeps_values):
            if _drops(source.operation):
                yield (
                    source.path,
                    "the BatchNorm after it learns the variance of inputs with dropped units, "
                    "which differs from the variance at inference.",
                    "Put the dropout after the last BatchNorm, or use LayerNormalization.",
                )


@rule("OCC403", "dropout after the last layer")
def dropout_after_last_layer(view: View, training: Training) -> Iterator[Found]:
    """Dropout of the outputs, or of the logits before a softmax."""
    for output, _ in view.outputs():
        behind = view.before(output, passes_on) if passes_on(output.operation) else ()
        for call in (output, *behind):
            if _drops(call.operation):
                yield (
                    call.path,
                    "it drops outputs of the model: the loss gets zeros instead of logits.",
                    "Put it before the last layer with weights.",
                )


def _drops(layer: Any) -> bool:
    return drops_units(layer) and layer.rate > 0


@rule("OCC404", f"a rate of {_MUCH} or more")
def high_rate(view: View, training: Training) -> Iterator[Found]:
    """Very high rates, often rates to keep that are mistaken for rates to drop."""
    for place in view.places:
        for name, rate in drop_rates(place.layer).items():
            if rate >= _MUCH:
                yield (
                    place.path,
                    f"`{name}` is {rate:g}: training keeps {1 - rate:.0%}, and the variance "
                    f"{_grows(rate)}.",
                    f"Use 0.5 or less; to keep {rate:g}, use the rate {1 - rate:.2g}.",
                )


def _grows(rate: float) -> str:
    return f"grows {1 / (1 - rate):.3g}-fold" if rate < 1 else "is 0"
