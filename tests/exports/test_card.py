import json

import keras
import pytest

from occam import exports

CARD = {
    "name": "Insects",
    "license": "apache-2.0",
    "datasets": ["insects"],
    "accuracy": {"train": 0.95, "test": 0.9},
    "note": "a | b",
}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    directory = tmp_path_factory.mktemp("published")
    return exports.export(model, directory, class_names=["ant", "bee", "cat"], card=CARD).path


def test_the_readme_begins_with_the_header_of_a_model_card(version):
    lines = (version / "README.md").read_text().splitlines()
    assert lines[:8] == [
        "---",
        'license: "apache-2.0"',
        'library_name: "keras"',
        'tags: ["occam"]',
        'datasets: ["insects"]',
        "---",
        "",
        "# Insects",
    ]
    assert "| accuracy/test | 0.9 |" in lines
    assert "| note | a \\| b |" in lines
    assert "| `serving_default` | input | `x` | float32 | [None, 2] |" in lines
    assert "| labels | every answer has its name |" in lines


def test_the_json_holds_signatures_figures_checksums_and_gates(version):
    content = json.loads((version / "export.json").read_text())
    blessing = json.loads((version / "blessing.json").read_text())
    assert content["card"] == CARD
    assert content["class_names"] == ["ant", "bee", "cat"]
    assert content["signatures"]["serving_default"] == {
        "inputs": {"x": {"dtype": "float32", "shape": [None, 2]}},
        "outputs": {
            "class_id": {"dtype": "int64", "shape": [None]},
            "label": {"dtype": "string", "shape": [None]},
            "probabilities": {"dtype": "float32", "shape": [None, 3]},
        },
    }
    for key in ("files", "gates", "created", "versions"):
        assert content[key] == blessing[key]


def test_the_card_holds_sparsity_and_compressions(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((2,), name="x"),
            keras.layers.Dense(4, kernel_initializer="ones", activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(3),
        ]
    )
    model.layers[0].kernel.assign([[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    published = exports.export(
        model, tmp_path, fold=True, remove_dead_units=True, task="classification"
    )
    made = json.loads((published.path / "export.json").read_text())["made"]
    assert made["sparsity"] == published.sparsity == 1 / 10
    assert made["remove_dead_units"]["parameters_before"] > 23
    assert [change["kind"] for change in made["fold"]["changes"]]
    assert set(made["row_seconds"]) == {"before", "after"}
    readme = (published.path / "README.md").read_text()
    assert "| sparsity | 0.1 |" in readme
    assert "| remove_dead_units/bytes_after |" in readme
    assert " ms to " in str(published)


def test_a_compression_without_effect_says_so(small_model, tmp_path):
    published = exports.export(small_model, tmp_path, remove_dead_units=True)
    assert "  remove_dead_units: nothing found to do, " in str(published)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"x": object()}, "`card` must hold JSON values"),
        ({"x": float("nan")}, "`card` must hold JSON values"),
        ({1: "x"}, r"`card` must be a mapping with names as keys\. .*card=\{1: 'x'\}"),
    ],
)
def test_a_card_that_is_not_json_is_refused_before_writing(card, message, small_model, tmp_path):
    with pytest.raises(ValueError, match=message):
        exports.export(small_model, tmp_path / "model", card=card)
    assert not (tmp_path / "model").exists()
