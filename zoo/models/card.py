"""What there is to say of the models of the zoo, as plain text."""

import json
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras

from ...core.text_table import table
from ..augmentation import resolve_augmentation
from ..calls import as_call
from ..regularization import Regularization
from .pretrained import list_weights
from .registry import Architecture, create_model, get_architecture, list_models

__all__ = [
    "COUNTS",
    "KINDS",
    "MEASURED",
    "card",
    "count_params",
    "regularizers_of",
    "summary",
    "tier_card",
]

SHAPES = {1: (30,), 2: (40, 1), 3: (32, 32, 3)}  # of a sample, for counting and drawing
KINDS = {1: "table", 2: "series", 3: "image"}
MEASURED = Path(__file__).parent / "measured.json"  # `python -m benchmarks.models --write`
COUNTS = Path(__file__).parent / "parameters.json"  # `python -m benchmarks.counts`


def summary(pattern: str = "*") -> str:
    """A table of the models whose names match: size, inputs, weights, accuracy, paper."""
    head = ("model", "inputs", "parameters", "weights", "best accuracy", "from")
    rows = [_row(get_architecture(name)) for name in list_models(pattern)]
    if not rows:
        raise ValueError(
            f"No model is called like {pattern!r}. There are: {', '.join(list_models())}"
        )
    return table(head, rows)


def _row(architecture: Architecture) -> tuple[str, ...]:
    a = architecture
    kinds = " ".join(KINDS[rank] for rank in a.ranks) if len(a.ranks) < len(KINDS) else "any"
    weights = " ".join(weights.data for weights in list_weights(a.name))
    measured = _read(MEASURED).get(a.name)
    accuracy = f"{measured['accuracy']:.3f} {measured['data']}" if measured else ""
    return (a.name, kinds, _size(_count(a)), weights, accuracy, _cited(a.reference))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,}"


def _count(architecture: Architecture) -> int:
    known = _read(COUNTS).get(architecture.name)
    return count_params(architecture) if known is None else known


def count_params(architecture: Architecture) -> int:
    """The number of weights at the shape in `SHAPES` and 10 classes, of a model that it builds."""
    return _model(architecture).count_params()


def _model(architecture: Architecture, **arguments: Any) -> keras.Model:
    shape = _shape(architecture)
    return create_model(architecture.name, input_shape=shape, num_classes=10, **arguments)


def _shape(architecture: Architecture) -> tuple[int, ...]:
    *sizes, channels = SHAPES[architecture.ranks[-1]]
    return (*(max(size, architecture.smallest) for size in sizes), channels)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _cited(reference: str) -> str:
    """Authors and year of a reference, as they are cited in a text."""
    years = [part.strip() for part in reference.split(",") if part.strip().isdigit()]
    first, *more = reference.split(" & ")[0].split(",")[0].split(" et al.")
    several = more or "," in reference.split(" & ")[0]
    pair = reference.split(",")[0] if " & " in reference.split(",")[0] else first
    return " ".join([f"{first} et al." if several else pair, *years[:1]])


def card(architecture: Architecture) -> str:
    """One model: what it is made of, its tiers, and the fields of `Regularization` it honours."""
    a = architecture
    options = ", ".join(f"{name}={value!r}" for name, value in a.options.items())
    kinds = ", ".join(KINDS[rank] for rank in a.ranks)
    facts = [
        f"{a.name}: {kinds}; {_count(a):,} parameters at {_shape(a)} and 10 classes",
        f"options: {options or 'none'}",
        f"honours: {', '.join(a.able)}",
        f"cannot honour: {', '.join(a.unable) or 'nothing'}",
        f"weights: {', '.join(map(_weights, list_weights(a.name))) or 'none'}",
        f"measured: {_figures(_read(MEASURED).get(a.name))}",
        f"from: {a.reference}",
    ]
    tiers = [(tier, repr(preset)) for tier, preset in a.presets.items()]
    wrapped = [textwrap.fill(f, 79, subsequent_indent="  ", break_on_hyphens=False) for f in facts]
    return "\n".join([*wrapped, "", table(("tier", "regularization"), tiers), "", _drawing(a)])


def _weights(weights: Any) -> str:
    return f'"{weights.data}" (test accuracy {weights.accuracy:.3f}, by {weights.recipe})'


def _figures(measured: dict[str, Any] | None) -> str:
    if measured is None:
        return "not yet"
    return (
        "test accuracy {accuracy:.3f} ± {standard_error:.3f} on {data}, mean of {seeds} seeds, "
        "tier {tier}, {epochs} epochs".format(**measured)
    )


def _drawing(architecture: Architecture) -> str:
    """The layers in their order, with the shapes of what they return; equal ones are counted."""
    model = _model(architecture)
    lines: list[list[Any]] = []
    for layer in model.layers:
        about = [type(layer).__name__, str(tuple(layer.output.shape[1:]))]
        if lines and lines[-1][1:] == about:
            lines[-1][0] += 1
        else:
            lines.append([1, *about])
    names = [name if count == 1 else f"{count} x {name}" for count, name, _ in lines]
    return table(
        ("layer", "returns"), [(n, shape) for n, (_, _, shape) in zip(names, lines, strict=True)]
    )


def tier_card(architecture: Architecture, tier: str) -> str:
    """What a tier does: in the model's layers, and to the samples that it is trained on."""
    a, regularization = architecture, architecture.presets[tier]
    model = _model(a, regularization=regularization)
    rows = list(regularizers_of(model))
    layers = table(("where", "what"), rows) if rows else "No layer regularizes."
    head = textwrap.fill(f"{a.name}, {tier}: {regularization}", 79, subsequent_indent="  ")
    return "\n".join([head, "", layers, *_training(a, regularization)]).rstrip()


def regularizers_of(model: keras.Model) -> Iterator[tuple[str, str]]:
    """Where and what: each penalty, constraint and random layer of a model, in its order.

    >>> layer = keras.layers.Dense(2, kernel_regularizer="l2", name="head")
    >>> list(regularizers_of(keras.Sequential([keras.Input((3,)), layer])))
    [('head/kernel', 'L2(l2=0.01)')]
    """
    for layer in model.layers:
        for weight in layer.trainable_weights:
            for part in (weight.regularizer, weight.constraint):
                if part is not None:
                    yield f"{layer.name}/{weight.name}", as_call(part)
        if (penalty := getattr(layer, "activity_regularizer", None)) is not None:
            yield f"output of {layer.name}", as_call(penalty)
        if type(layer).__module__.startswith("occam.zoo.layers"):
            yield layer.name, as_call(layer)


def _training(architecture: Architecture, regularization: Regularization) -> Iterator[str]:
    """What is done to samples, by the kinds that the model takes, and in the update."""
    strengths = regularization.only("training").on()
    tier = strengths.pop("augmentation", None)
    for rank in architecture.ranks if tier else ():
        yield f"\naugmentation, {KINDS[rank]} {SHAPES[rank]}:"
        pipeline = resolve_augmentation(str(tier), SHAPES[rank])
        for line in str(pipeline).splitlines():
            yield textwrap.fill(line, 79, initial_indent="  ", subsequent_indent="    ")
    yield from ["", *(f"{name}={value:g}" for name, value in strengths.items())]


def draw(architecture: Architecture, path: Path) -> None:
    """Writes the architecture as a picture, with graphviz.

    Raises:
        RuntimeError: graphviz is not installed.
    """
    if not shutil.which("dot"):
        raise RuntimeError(
            "A picture of a model needs the command `dot` of graphviz, which was not found. "
            "Without --png the layers are printed."
        )
    model = _model(architecture)
    keras.utils.plot_model(model, path, show_shapes=True, show_layer_names=False)
