"""The card of a version: `README.md` for people, `export.json` for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from ..core.checks import message
from .blessing import Blessing
from .predictor import Predictor
from .saved_model import format_files

# The keys of a model card's header, in the order in which they are written.
_HEADER = ("license", "language", "library_name", "tags", "datasets", "metrics", "base_model")
_HEADER += ("pipeline_tag", "model-index")
_INTERVAL = ("value", "low", "high")  # the keys of a figure with its interval
_FORMAT = 1

Facts = Mapping[str, Any]


def check_card(card: Facts) -> None:
    """Raise a `ValueError` unless `card` holds JSON values by name."""
    if not all(isinstance(key, str) for key in card):
        raise ValueError(message("card", card, "a mapping with names as keys"))
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`card` must hold JSON values. Received: {error}") from error


def write_card(
    path: Path, predictor: Predictor, blessing: Blessing, card: Facts, made: Facts
) -> None:
    """Write `README.md` and `export.json` beside a SavedModel.

    The README begins with the YAML header of a model card on the Hugging Face Hub: the keys of the
    user's `card` that belong there (`license`, `datasets`, `tags`, ...). The others become a table,
    with a mapping of `value`, `low` and `high` as an interval, and so do the measurements and
    compressions of the export, `made`.
    """
    content = {
        "format": _FORMAT,
        **predictor.head.to_dict(),
        "class_names": list(predictor.class_names),
        "signatures": {
            name: {"inputs": _described(specs.inputs), "outputs": _described(specs.outputs)}
            for name, specs in predictor.specs.items()
        },
        "formats": format_files(path),
        "card": dict(card),
        "made": dict(made),
        **{key: value for key, value in blessing.to_dict().items() if key != "format"},
    }
    text = json.dumps(content, indent=2, default=float)
    (path / "export.json").write_text(text + "\n", "utf-8")
    (path / "README.md").write_text(_readme(path, predictor, blessing, card, made), "utf-8")


def _described(specs: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    return {
        name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
        for name, spec in specs.items()
    }


def _readme(path: Path, predictor: Predictor, blessing: Blessing, card: Facts, made: Facts) -> str:
    head = predictor.head
    figures = {key: value for key, value in card.items() if key not in _HEADER}
    specs = [
        (f"`{name}`", kind, f"`{tensor.name}`", tensor.dtype.name, str(tensor.shape.as_list()))
        for name, of in predictor.specs.items()
        for kind, tensors in (("input", of.inputs), ("output", of.outputs))
        for tensor in tensors.values()
    ]
    formats = [
        (f"`formats/{name}/{file}`", f"{size:,}")
        for name, files in format_files(path).items()
        for file, size in files.items()
    ]
    gates = [(gate.name, gate.detail) for gate in blessing.gates]
    header = {"library_name": "keras", "tags": ["occam"], **card}
    lines = [f"{key}: {json.dumps(header[key])}" for key in _HEADER if key in header]
    parts = [
        "\n".join(["---", *lines, "---"]),  # JSON is YAML
        f"# {figures.pop('name', f'Exported {head.noun}')}",
        f"{head.title}: {', '.join(head.names)}.",
        *(["## Figures", _table(("name", "value"), _flat(figures))] if figures else []),
        "## Export",
        _table(("name", "value"), _flat(made)),
        "## Signatures",
        _table(("signature", "", "name", "dtype", "shape"), specs),
        *(["## Formats", _table(("file", "bytes"), formats)] if formats else []),
        "## Gates",
        _table(("gate", "result"), gates),
        "## Versions",
        _table(("package", "version"), sorted(blessing.versions.items())),
        "The checksums are in `blessing.json`, the same facts as JSON in `export.json`.",
    ]
    return "\n\n".join(parts) + "\n"


def _flat(figures: Facts, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in figures.items():
        if isinstance(value, Mapping) and value.keys() != {*_INTERVAL}:
            rows += _flat(value, f"{prefix}{key}/")
        else:
            rows.append((f"{prefix}{key}", _text(value)))
    return rows


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        figure, low, high = (value[name] for name in _INTERVAL)
        return _text(figure) if low is None else f"{figure:.4g} [{low:.4g}, {high:.4g}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return f"{len(value)}, see `export.json`"
    return value if isinstance(value, str) else json.dumps(value)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    def cell(text: Any) -> str:
        return " ".join(str(text).replace("|", "\\|").split())

    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(cell, line))} |" for line in lines)
