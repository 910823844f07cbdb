"""`zoo.lint` as a whole: its arguments, models without findings, and the documentation."""

import ast
import inspect
from pathlib import Path

import keras
import pytest
from keras import layers

from occam import zoo
from occam.zoo.linting import RULES
from occam.zoo.linting.rule import rule
from occam.zoo.models import TIERS, get_architecture

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "lint.md"
SHAPES = {1: (16,), 2: (40, 1), 3: (32, 32, 3)}
# The same layers with fewer weights, which take time to draw.
NARROW = {
    "wide_resnet28_10": {"width": 2},
    "wide_resnet16_4": {"width": 2},
    "convnext_tiny": {"widths": (8, 8, 8, 8)},
    "vit_tiny": {"width": 24},
    "mixer_s16": {"width": 24},
    "text_cnn": {"vocabulary": 10},
    "inception_time": {"width": 4},
}
# More of the blocks of resnet20: their strongest tier is enough.
DEEP = ("resnet32", "resnet56", "resnet110")
# All that a model cannot know, as a careful user would have it.
EVERYTHING = {"batch_size": 32, "for_export": True, "expect_zeros": True, "targets": "mixed"}


def model_with(*inner):
    return keras.Sequential([keras.Input((4,)), *inner], name="mine")


def wrong():
    dense = layers.Dense(3, bias_regularizer="l2", name="dense")
    model = model_with(layers.Dropout(0.9, name="drop"), dense)
    dense.kernel_regularizer = keras.regularizers.L2(0.5)
    return model


def test_findings_are_sorted_by_code_and_rules_can_be_left_out():
    found = [(f.code, f.path) for f in zoo.lint(wrong())]
    assert found == [("OCC101", "dense"), ("OCC103", "dense"), ("OCC404", "drop")]
    assert [f.code for f in zoo.lint(wrong(), ignore=["OCC101", "OCC404"])] == ["OCC103"]


def test_a_finding_says_all():
    finding = zoo.lint(wrong())[-1]
    assert str(finding) == f"OCC404 drop: {finding.why} {finding.fix}"
    assert list(finding.to_dict()) == ["code", "path", "why", "fix"]
    for text in (finding.why, finding.fix):
        assert text.endswith(".")
        assert "\n" not in text


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"model": "model.keras"}, TypeError, r"Received: model='model\.keras'"),
        ({"model": keras.Sequential()}, ValueError, "`model` must be built: give it a keras.Input"),
        ({"batch_size": 0}, ValueError, r"`batch_size` must be an integer >= 1 or None\. .*=0"),
        ({"batch_size": 8.0}, ValueError, r"Received: batch_size=8\.0"),
        ({"targets": "soft"}, ValueError, "`targets` must be one of 'hard', .*targets='soft'"),
        ({"callbacks": 3}, TypeError, r"`callbacks` must be a list of Keras callbacks\. Received"),
        ({"callbacks": [3]}, TypeError, r"must be a list of Keras callbacks\. .*callbacks=3"),
        (
            {"ignore": "OCC101"},
            ValueError,
            "`ignore` must be a list of codes .* Received: ignore='OCC101'",
        ),
        ({"ignore": ["OCC1"]}, ValueError, r"Received: ignore=\['OCC1'\]"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        zoo.lint(**{"model": model_with(layers.Dense(3)), **arguments})


def test_a_code_is_taken_once():
    with pytest.raises(ValueError, match="Rule OCC101 is already registered"):
        rule("OCC101", "another")(lambda view, training: [])


def test_a_model_made_of_the_calls_of_another():
    inputs = keras.Input((4,))
    hidden = layers.BatchNormalization()(layers.Dropout(0.1, name="drop")(inputs))
    trunk = keras.Model(inputs, hidden, name="trunk")
    around = keras.Model(inputs, layers.Dense(2)(trunk(layers.Dense(4)(inputs))))
    assert [f.path for f in zoo.lint(around)] == ["trunk/drop"]
    longer = keras.Model(inputs, layers.Dense(2)(trunk.output))
    assert [f.path for f in zoo.lint(longer)] == ["drop"]


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.list_models())
def test_models_of_the_zoo_are_clean_at_every_tier(name):
    shape = SHAPES[get_architecture(name).ranks[-1]]
    # Of the tiers that switch the same fields on, the strongest.
    tiers = {tuple(zoo.preset(name, tier).on()): zoo.preset(name, tier) for tier in TIERS}
    if name in DEEP:
        tiers = {(): zoo.preset(name, "strong")}
    for regularization in tiers.values():
        model = zoo.create_model(
            name,
            input_shape=shape,
            num_classes=10,
            regularization=regularization,
            **NARROW.get(name, {}),
        )
        model.compile(
            zoo.optimizers.AdamW(weight_decay=regularization.weight_decay),
            zoo.losses.CategoricalCrossentropy(),
        )
        assert zoo.lint(model, **EVERYTHING) == []


# Measured once on all 40, which takes two minutes: not one has a finding, with the top or without
# it. These are small ones of six families.
APPLICATIONS = [
    *("ConvNeXtTiny", "EfficientNetB0", "EfficientNetV2B0"),
    *("MobileNetV2", "MobileNetV3Small", "ResNet50V2"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_keras_applications_are_clean(name):
    model = getattr(keras.applications, name)(weights=None)
    assert zoo.lint(model, **EVERYTHING) == []
    model.compile("adamw", "categorical_crossentropy")  # which decays normalization, too
    findings = zoo.lint(model)
    assert {f.code for f in findings} == {"OCC202"}
    scales = [w for w in model.trainable_weights if w.name == "beta"]
    assert len(findings) == len({f.path for f in findings}) == len(scales)


def documented():
    rows = [line.split("|") for line in DOCUMENTATION.read_text().splitlines()]
    return {r[1].strip(" `"): r[2].strip() for r in rows if len(r) > 3 and "OCC" in r[1]}


def test_every_rule_is_documented():
    assert documented() == {code: r.title.replace("|", r"\|") for code, r in RULES.items()}


def test_every_rule_that_needs_an_argument_says_so():
    needs = {
        "compiled": {"OCC201", "OCC202", "OCC501"},
        "callbacks": {"OCC502"},
        "batch_size": {"OCC503"},
        "steps": {"OCC504"},
        "targets": {"OCC501"},
        "for_export": {"OCC303"},
        "expect_zeros": {"OCC106"},
    }
    for argument, codes in needs.items():
        for code in codes:
            assert f"`{argument}`" in inspect.getdoc(RULES[code].check).replace("\n", " ")
            assert code in zoo.lint.__doc__


def test_every_rule_has_tests_that_find_and_that_do_not():
    """The tests are comparisons `paths("OCC...", ...) == [...]` in the other files."""
    lists: dict[str, set[bool]] = {code: set() for code in RULES}
    for path in Path(__file__).parent.glob("test_*_rules.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call):
                code = ast.unparse(node.left.args[0]).strip("'") if node.left.args else ""
                lists.get(code, set()).add(ast.unparse(node.comparators[0]) == "[]")
    assert {code for code, empty in lists.items() if empty != {True, False}} == set()
