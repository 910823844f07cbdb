"""The counts, text and plot of the report."""

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image

from occam import zoo
from occam.zoo.regularizers import L1, L2


@pytest.fixture
def report(models):
    rules = {"mixing": L2(0.5), "frozen": L2(0.5), "head": L1(0.5)}
    return zoo.regularize(models.own(), rules=rules)[1]


def test_counts(report):
    numbers = (report.requested, *map(len, (report.applied, report.inactive, report.refused)))
    assert numbers == (3, 3, 1, 0)


def test_shares_by_hand(report):
    mixing, head = (
        np.array(keras.ops.convert_to_numpy(report.model.get_layer(name).kernel))
        for name in ("mixing", "head")
    )
    squares, magnitudes = 0.5 * np.sum(mixing**2), 0.5 * np.sum(np.abs(head))
    total = squares + magnitudes
    shares = {row.layer: row.share for row in report.rows()}
    expected = {"mixing": squares / total, "frozen": 0, "head": magnitudes / total}
    assert shares == pytest.approx(expected)


def test_table(report):
    head, *lines, last = report.table().splitlines()
    assert head.split() == ["layer", "variable", "penalty", "strength", "share", "state"]
    assert [line.split()[:4] for line in lines] == [
        ["mixing", "kernel", "L2", "l2=0.5"],
        ["frozen", "kernel", "L2", "l2=0.5"],
        ["head", "kernel", "L1", "l1=0.5"],
    ]
    assert lines[1].endswith("0.0%  inactive: frozen")
    total = sum(float(loss) for loss in report.model.losses)
    assert last == f"total penalty: {total:.6g}"


def test_the_table_fits_80_columns():
    name = "convnext_tiny_stage_2_block_8_depthwise_convolution"
    inputs = keras.Input((4, 3), name="x")
    x = layers.RNN([layers.LSTMCell(3, name="one_long_name")], name="recurrent")(inputs)
    inner = keras.Model(inputs, layers.Dense(3, name=name)(x), name="a_backbone_with_a_long_name")
    model = keras.Model(inputs, layers.Dense(2, name="head")(inner(inputs)))
    regularization = zoo.Regularization(l1=1e-5, l2=1e-4, hoyer=1e-3)
    lines = zoo.regularize(model, regularization)[1].table().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["layer", "variable", "penalty", "strength", "share"]
    assert lines[-3].split()[:5] == ["head", "kernel", "L1L2", "l1=1e-05,", "l2=0.0001"]
    assert lines[-2].split() == ["Hoyer", "factor=0.001"]
    assert "".join(line[:19].strip() for line in lines).count(f"{inner.name}/{name}") == 1

    inner.trainable = False
    lines = zoo.regularize(model, rules={"*": L2(1e-4)})[1].table().splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("  inactive: frozen" in line for line in lines) == 3


def test_it_is_live(report):
    report.model.get_layer("head").kernel.assign(np.zeros((4, 3)))
    assert report.rows()[0].share == 1


def test_text(models):
    regularization = zoo.Regularization(l2=0.1, group_lasso=0.1, dropout=0.2)
    text = str(zoo.regularize(models.attention(), regularization)[1])
    first, counts, *_ = text.split("\n\n")
    assert first == "8 requested, 7 applied (0 inactive), 1 refused"
    assert [line.split() for line in counts.splitlines()[1:]] == [
        ["group_lasso", "2", "0", "1"],
        ["dropout", "1", "0", "0"],
        ["l2", "6", "0", "0"],
    ]
    assert "mha kernel: group_lasso: the axes that lead into one unit are unknown" in text
    assert "head_dropout  before head  Dropout(rate=0.2)" in text
    assert text.endswith("compile it next; its optimizer starts anew.")


def test_no_penalty(models):
    report = zoo.regularize(models.sequential(), zoo.Regularization(dropout=0.2))[1]
    assert report.table() == "No weight has a penalty."
    assert report.rows() == []


EVERYTHING = {"l1": 1e-5, "l2": 1e-4, "group_lasso": 1e-3, "hoyer": 1e-3}


@pytest.mark.parametrize("regularization", [{"l2": 0.1}, {"dropout": 0.1}, EVERYTHING])
def test_plot(tmp_path, regularization):
    name = "convnext_tiny_stage_2_block_8_depthwise_convolution"  # a long label
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name=name), layers.Dense(2)])
    report = zoo.regularize(model, zoo.Regularization(**regularization))[1]
    report.plot(tmp_path / "report.png")
    pixels = np.asarray(Image.open(tmp_path / "report.png").convert("RGB"))
    assert (pixels[:, [0, -1]] == 255).all()  # nothing is cut off
    blue = (pixels == (31, 119, 180)).all(axis=-1).sum()
    assert (blue > 1000) == ("l2" in regularization)
