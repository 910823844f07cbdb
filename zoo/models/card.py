"""Plain-text descriptions of the models, for `occam models`."""

import json
import shutil
import textwrap
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import keras

from ...core.layer_kinds import Kind, kind_of
from ...core.text_table import table
from ..augmentation import resolve_augmentation
from ..calls import as_call
from .architecture import Architecture
from .pretrained import list_weights
from .registry import create_model, get_architecture, list_models

SHAPES = {1: (30,), 2: (40, 1), 3: (32, 32, 3)}  # of one sample, for counting and drawing
VOCABULARY = 1000  # words of a text
KINDS = {1: "table", 2: "series", 3: "image"}
MEASURED = Path(__file__).parent / "measured.json"  # `python -m benchmarks.models --write`
COUNTS = Path(__file__).parent / "parameters.json"  # `python -m benchmarks.counts`


def summary(pattern: str = "*") -> str:
    """Return a table of the models whose names match `pattern`."""
    rows = [_row(get_architecture(name)) for name in list_models(pattern)]
    if not rows:
        raise ValueError(f"No model matches {pattern!r}. Models: {', '.join(list_models())}")
    return table(("model", "inputs", "parameters", "weights", "best accuracy", "from"), rows)


def _row(architecture: Architecture) -> tuple[str, ...]:
    a = architecture
    kinds = " ".join(_kinds(a)) if len(a.ranks) < len(KINDS) else "any"
    count = _count(a)
    size = f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count:,}"
    weights = " ".join(weights.data for weights in list_weights(a.name))
    measured = _read(MEASURED).get(a.name)
    accuracy = f"{measured['accuracy']:.3f} {measured['data']}" if measured else ""
    return (a.name, kinds, size, weights, accuracy, _cited(a.reference))


def _kinds(architecture: Architecture) -> list[str]:
    """Return the kinds of inputs; of rank 1 are tables, or texts if the words are embedded."""
    text = "vocabulary" in architecture.options
    return ["text" if text and rank == 1 else KINDS[rank] for rank in architecture.ranks]


def _cited(reference: str) -> str:
    """Shorten a reference to authors and year, as in a text."""
    years = [part.strip() for part in reference.split(",") if part.strip().isdigit()]
    first, *more = reference.split(" & ")[0].split(",")[0].split(" et al.")
    several = more or "," in reference.split(" & ")[0]
    pair = reference.split(",")[0] if " & " in reference.split(",")[0] else first
    return " ".join([f"{first} et al." if several else pair, *years[:1]])


def card(architecture: Architecture) -> str:
    """Return the options, supported fields of `Regularization`, tiers and layers of a model."""
    a = architecture
    options = ", ".join(f"{name}={value!r}" for name, value in a.options.items())
    shown = '"{0.data}" (test accuracy {0.accuracy:.3f}, by {0.recipe})'
    weights = [shown.format(weights) for weights in list_weights(a.name)]
    measured = _read(MEASURED).get(a.name)
    figures = (
        "test accuracy {accuracy:.3f} ± {standard_error:.3f} on {data}, mean of {seeds} seeds, "
        "tier {tier}, {epochs} epochs"
    )
    facts = [
        f"{a.name}: {', '.join(_kinds(a))}; {_count(a):,} parameters at {_shape(a)} and 10 classes",
        f"options: {options or 'none'}",
        f"supports: {', '.join(a.supported)}",
        f"does not support: {', '.join(a.unsupported) or 'nothing'}",
        f"weights: {', '.join(weights) or 'none'}",
        f"measured: {figures.format(**measured) if measured else 'not yet'}",
        f"from: {a.reference}",
    ]
    tiers = [(tier, repr(preset)) for tier, preset in a.presets.items()]
    wrapped = [textwrap.fill(f, 79, subsequent_indent="  ", break_on_hyphens=False) for f in facts]
    return "\n".join([*wrapped, "", table(("tier", "regularization"), tiers), "", _layers(a)])


def _layers(architecture: Architecture) -> str:
    """Return a table of the layers and their output shapes; equal neighbors share a row."""
    layers = [(type(x).__name__, str(x.output.shape[1:])) for x in _model(architecture).layers]
    runs = [(len(list(run)), *layer) for layer, run in groupby(layers)]
    rows = [(f"{n} x {name}" if n > 1 else name, shape) for n, name, shape in runs]
    return table(("layer", "returns"), rows)


def tier_card(architecture: Architecture, tier: str) -> str:
    """Return the effect of a tier on the layers of a model and on the training samples."""
    a, regularization = architecture, architecture.presets[tier]
    rows = list(regularizers_of(_model(a, regularization=regularization)))
    head = textwrap.fill(f"{a.name}, {tier}: {regularization}", 79, subsequent_indent="  ")
    lines = [head, "", table(("where", "what"), rows) if rows else "No layer regularizes."]
    strengths = regularization.only("training").on()
    augmentation = strengths.pop("augmentation", None)
    kinds = dict(zip(a.ranks, _kinds(a), strict=True))
    for rank in [rank for rank, kind in kinds.items() if augmentation and kind != "text"]:
        lines.append(f"\naugmentation, {KINDS[rank]} {SHAPES[rank]}:")
        for line in str(resolve_augmentation(str(augmentation), SHAPES[rank])).splitlines():
            lines.append(textwrap.fill(line, 79, initial_indent="  ", subsequent_indent="    "))
    lines += ["", *(f"{name}={value:g}" for name, value in strengths.items())]
    return "\n".join(lines).rstrip()


def regularizers_of(model: keras.Model) -> Iterator[tuple[str, str]]:
    """Yield each penalty, constraint and random layer of a model, with its place.

    Example:

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
        ours = type(layer).__module__.startswith("occam.zoo.layers")
        if ours and kind_of(layer) not in (Kind.EMBEDDING, Kind.ENSEMBLE):
            yield layer.name, as_call(layer)


def draw(architecture: Architecture, path: Path) -> None:
    """Draw the layers of a model into a file, with graphviz."""
    if not shutil.which("dot"):
        raise RuntimeError(
            "Could not draw the model: this needs the command `dot` of graphviz. Install graphviz, "
            "or leave out --png to print the layers."
        )
    keras.utils.plot_model(_model(architecture), path, show_shapes=True, show_layer_names=False)


def count_params(architecture: Architecture) -> int:
    """Build a model for 10 classes at the shape in `SHAPES`, and count its parameters."""
    return _model(architecture).count_params()


def _count(architecture: Architecture) -> int:
    return _read(COUNTS).get(architecture.name) or count_params(architecture)


def _model(architecture: Architecture, **arguments: Any) -> keras.Model:
    arguments |= {"input_shape": _shape(architecture), "num_classes": 10}
    if len(_shape(architecture)) == 1 and "vocabulary" in architecture.options:
        arguments |= {"vocabulary": VOCABULARY}
    return create_model(architecture.name, **arguments)


def _shape(architecture: Architecture) -> tuple[int, ...]:
    *sizes, channels = SHAPES[architecture.ranks[-1]]
    return (*(max(size, architecture.min_size) for size in sizes), channels)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}
