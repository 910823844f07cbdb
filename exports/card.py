"""The card of a version: `README.md` for people, `export.json` for programs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .blessing import Blessing
from .predictor import Predictor
from .saved_model import format_files
from .specs import SignatureSpecs

# The keys of the header of a model card, in the order they are written; the rest goes into tables.
_HEADER = ("license", "language", "library_name", "tags", "datasets", "metrics", "base_model")
_HEADER += ("pipeline_tag", "model-index")
_FORMAT = 1

Facts = Mapping[str, Any]


def check_card(card: Facts) -> None:
    """Raise a `ValueError` unless `card` holds JSON values by name."""
    if not all(isinstance(key, str) for key in card):
        raise ValueError(f"`card` must have names as keys. Received: {list(card)}")
    try:
        json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`card` must hold JSON values. Received: {error}") from error


def write_card(
    path: Path, predictor: Predictor, blessing: Blessing, card: Facts, made: Facts
) -> None:
    """Write `README.md` and `export.json` beside a SavedModel.

    The README begins with the YAML header of model cards on the Hugging Face Hub, from the keys of
    `card` that belong there (`license`, `datasets`, `tags`, ...). The others become a table.

    Args:
        path: The directory of the SavedModel.
        predictor: The SavedModel, reloaded.
        blessing: The checksums and the results of the gates.
        card: Facts of the user about the model.
        made: Measurements and compressions of the export.
    """
    content = {
        "format": _FORMAT,
        "class_names": list(predictor.class_names),
        "signatures": {name: _specs(specs) for name, specs in predictor.specs.items()},
        "formats": format_files(path),
        "card": dict(card),
        "made": dict(made),
        **{key: value for key, value in blessing.to_dict().items() if key != "format"},
    }
    text = json.dumps(content, indent=2, default=float)
    (path / "export.json").write_text(text + "\n", "utf-8")
    (path / "README.md").write_text(_readme(path, predictor, blessing, card, made), "utf-8")


def _specs(specs: SignatureSpecs) -> dict[str, Any]:
    pairs = (("inputs", specs.inputs), ("outputs", specs.outputs))
    return {
        title: {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in of.items()
        }
        for title, of in pairs
    }


def _readme(path: Path, predictor: Predictor, blessing: Blessing, card: Facts, made: Facts) -> str:
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
    parts = [
        _header(card),
        f"# {figures.pop('name', 'Exported classifier')}",
        f"Classes: {', '.join(predictor.class_names)}.",
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


def _header(card: Facts) -> str:
    given = {"library_name": "keras", "tags": ["occam"], **card}
    lines = [f"{key}: {json.dumps(given[key])}" for key in _HEADER if key in given]  # JSON is YAML
    return "\n".join(["---", *lines, "---"])


def _flat(figures: Facts, prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in figures.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{key}/")
        else:
            rows.append((f"{prefix}{key}", _text(value)))
    return rows


def _text(value: Any) -> str:
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
