"""A table with texts and missing values, from the file to answers, by commands."""

import random

import keras
import numpy as np
import pytest

from occam import exports


@pytest.fixture
def houses(tmp_path):
    random.seed(0)
    lines = ["rooms,area,town,built,price"]
    for _ in range(200):
        rooms, area, town = (
            random.randint(1, 6),
            random.gauss(90, 20),
            random.choice(["A", "B", ""]),
        )
        built = "" if random.random() < 0.2 else random.randint(1900, 2020)
        price = 2 * area + 10 * rooms + 30 * (town == "A") + random.gauss(0, 5)
        lines.append(f"{rooms},{area:.1f},{town},{built},{price:.1f}")
    (tmp_path / "houses.csv").write_text("\n".join(lines))


@pytest.mark.usefixtures("houses")
def test_a_table_goes_from_a_file_to_answers(inside, tmp_path):
    described = inside("data", "houses.csv", "--target", "price")
    assert "regression" in described.stdout, described.stderr
    flags = ["--data", "houses.csv", "--target", "price", "--log-dir", "run"]
    trained = inside("train", "mlp", *flags, "--epochs", "20", "--regularization", "none")
    assert trained.stdout.startswith("r2: train "), trained.stderr
    exported = inside("export", "run", "exports", "--intervals", "0.8")
    assert "output values: float32 (None, 1)" in exported.stdout, exported.stderr
    predictor = exports.load(tmp_path / "exports")
    assert set(predictor.inputs) == {"rooms", "area", "town", "built"}
    assert predictor.target_names == ("price",)
    row = {"rooms": [3], "area": [82.5], "town": [""], "built": [np.nan]}
    answer = predictor.predict(row)
    assert 100 < answer["values"][0, 0] < 300
    unseen = predictor.predict({**row, "town": ["nowhere"]})
    assert np.isfinite(unseen["values"]).all()
    lines = inside("predict", "exports", "houses.csv").stdout.splitlines()
    assert lines[0] == "price,price low,price high"
    assert len(lines) == 201
    scored = inside("predict", "exports", "houses.csv", "--labels", "price")
    assert scored.stdout.startswith("r2 0."), scored.stderr


def test_prediction_sets_are_a_column(inside, tmp_path):
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Softmax()])
    known = np.zeros((9, 2))
    known[-1] = [1.0, 0.0]  # the smallest probability of the true class, that of "b"
    sets = exports.PredictionSets(0.9, data=(known, ["b"] * 9))
    exports.export(model, tmp_path / "exports", class_names=["a", "b"], prediction_sets=sets)
    np.savez(tmp_path / "new.npz", x=np.array([[0.0, 0.0], [0.0, 2.0]]))
    lines = inside("predict", "exports", "new.npz").stdout.splitlines()
    assert [line.split(",")[1] for line in lines] == ["prediction_set", "a b", "b"]


@pytest.mark.usefixtures("houses")
def test_columns_that_are_not_there(inside):
    done = inside("train", "mlp", "--data", "houses.csv", "--target", "prize", "--log-dir", "run")
    assert done.returncode == 1
    assert (
        "houses.csv: no column 'prize'. Its columns: 'rooms', 'area', 'town', 'built', 'price'."
        in done.stderr
    )
    done = inside("train", "mlp", "--data", "houses.csv", "--log-dir", "run")
    assert done.returncode == 1
    assert "target" in done.stderr


@pytest.mark.usefixtures("houses")
def test_the_parts_of_a_table_may_be_tables(inside):
    parts = ["--validation", "houses.csv", "--test", "houses.csv"]
    done = inside("data", "houses.csv", "--target", "price", *parts)
    assert done.stdout.count("200") >= 3, done.stdout + done.stderr


@pytest.mark.usefixtures("houses")
def test_a_wrong_kind_of_a_column_gets_the_choices(inside):
    done = inside("data", "houses.csv", "--target", "price", "--columns", "built", "dat")
    assert done.returncode == 1
    assert "must be one of 'number', 'category', 'date', 'text'" in done.stderr
    assert "dat" in done.stderr


@pytest.fixture
def coded(tmp_path):
    """Export a model of a code, which is the number of its class, and a size."""
    code = keras.Input((), name="code", dtype="string")
    size = keras.Input((), name="size")
    known = keras.layers.StringLookup(vocabulary=["007", "008", "A1"])(code)
    value = keras.ops.stack([keras.ops.cast(known, "float32") + 0 * size], axis=1)
    model = keras.Model({"code": code, "size": size}, value)
    exports.export(model, tmp_path / "exports", task="regression", target_names=["place"])


@pytest.mark.usefixtures("coded")
def test_codes_that_look_like_numbers_stay_strings(inside, tmp_path):
    (tmp_path / "codes.CSV").write_text("code,size\n007,1\n008,2\n,3\n")
    done = inside("predict", "exports", "codes.CSV")
    assert done.stdout.split() == ["place", "1.000000", "2.000000", "0.000000"], done.stderr


@pytest.mark.usefixtures("coded")
@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("code,size\n007,x\n", (), "column 'size' must hold numbers. Received: 'x'"),
        ("", (), "must have a first line with the names of the columns. Received: an empty"),
        (
            "code,size,place\n007,1,b\n",
            ("--labels", "place"),
            "column 'place' must hold numbers. Received: 'b'",
        ),
    ],
)
def test_a_broken_table_is_named(inside, tmp_path, text, flags, message):
    (tmp_path / "codes.csv").write_text(text)
    done = inside("predict", "exports", "codes.csv", *flags)
    assert done.returncode == 1
    assert "codes.csv" in done.stderr
    assert message in done.stderr
