"""Tables: from the columns of a file or a DataFrame to features, targets, weights and parts."""

import json
import re
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as pdst

from occam.zoo.data import DataError, load_data
from occam.zoo.data.table_preprocessing import CalendarParts

RANDOM = np.random.default_rng(0)
SIZE = 80


def houses():
    """Return a table with a column of every kind, some of them with missing values."""
    return pd.DataFrame(
        {
            "area": RANDOM.normal(100.0, 20.0, SIZE),
            "rooms": np.arange(SIZE) % 4 + 1,
            "town": np.array(["Ulm", "Bonn", "Köln"], object)[np.arange(SIZE) % 3],
            "garden": np.arange(SIZE) % 2 == 0,
            "price": RANDOM.normal(3e5, 1e5, SIZE),
        }
    )


def with_missing():
    frame = houses()
    frame["sold"] = pd.Series(frame["garden"]).astype(object)
    frame["floor"] = frame["rooms"].astype("float64")
    for row, name in enumerate(("area", "town", "sold", "floor")):
        frame.loc[frame.index % 8 == row, name] = None
    return frame


def features(data, part="train"):
    return np.concatenate([x for x, *_ in getattr(data, part).as_numpy_iterator()])


@pytest.mark.parametrize("form", ["csv", "parquet", "frame", "str"])
def test_a_table_of_every_source(form, tmp_path):
    frame = with_missing()
    source: Any = frame if form == "frame" else tmp_path / "houses.csv"
    if form in ("csv", "str"):
        frame.to_csv(source, index=False)
        source = source if form == "csv" else str(source)
    elif form == "parquet":
        source = tmp_path / "houses.parquet"
        frame.to_parquet(source)
    data = load_data(source, target="price", batch_size=16)
    assert (data.task.kind, data.task.names) == ("regression", ("price",))
    assert data.columns == {
        "area": "number",
        "rooms": "category",
        "town": "category",
        "garden": "number",
        "sold": "number",
        "floor": "category",
    }
    # area, garden, sold and 2 indicators; rooms 4 + 1, town 3 + 2, floor 4 + 2
    assert data.input_shape == (3 + 2 + 5 + 5 + 6,)
    x = features(data)
    assert (x.shape, x.dtype) == ((57, 21), np.float32)
    np.testing.assert_allclose(x[:, :3].mean(axis=0), 0, atol=1e-5)
    for one_hot in (x[:, 5:10], x[:, 10:15], x[:, 15:]):
        np.testing.assert_array_equal(one_hot.sum(axis=1), 1)
        assert not one_hot[:, 0].any()  # nothing is unknown in the training part
    assert data.reloadable == (form != "frame")
    if data.reloadable:
        assert load_data(**json.loads(json.dumps(data.arguments))).to_dict() == data.to_dict()


def test_the_columns_are_described():
    lines = load_data(with_missing(), target="price").describe().splitlines()
    table = [re.split(r"  +", line) for line in lines[-7:]]
    heads = [f"missing in {part}" for part in ("train", "validation", "test")]
    assert table[0] == ["column", "kind", *heads]
    assert [row[:2] for row in table[1:3]] == [["area", "number"], ["rooms", "category"]]
    counts = {name: sum(map(int, numbers)) for name, _, *numbers in table[1:]}
    assert counts == {"area": 10, "rooms": 0, "town": 10, "garden": 0, "sold": 10, "floor": 10}
    assert "inputs are  standardized numbers and one-hot categories, by the training part" in lines


def test_preprocessing_is_fitted_to_the_training_part_only():
    train, other = houses(), houses()
    other["area"] += 1e6
    other["town"] = "Rom"
    options = {"target": "price", "columns": {"town": "category"}}
    data = load_data(train, validation=other, test=other, **options)
    alone = load_data(train, validation=train, test=train, **options)
    np.testing.assert_array_equal(data.preprocessing(raw(train)), alone.preprocessing(raw(train)))
    assert features(data, "test")[:, 0].min() > 1e4
    town = features(data, "test")[:, 7:]
    np.testing.assert_array_equal(town, np.tile([1.0, 0, 0, 0], (SIZE, 1)))  # unknown


def raw(frame, **changes):
    columns = {
        "area": frame["area"].to_numpy("float32"),
        "rooms": frame["rooms"].to_numpy("float32"),
        "town": frame["town"].to_numpy(object),
        "garden": frame["garden"].to_numpy("float32"),
    }
    columns |= changes
    return {name: keras.ops.convert_to_tensor(values) for name, values in columns.items()}


def test_values_that_the_training_part_does_not_have():
    frame = houses()
    layer = load_data(frame, target="price").preprocessing
    one = frame.iloc[:3]
    rooms = np.array([9, np.nan, 1.5], "float32")
    town = np.array(["Rom", "", "ulm"], object)
    area = np.array([np.nan] * 3, "float32")
    x = np.asarray(layer(raw(one, rooms=rooms, town=town, area=area)))
    np.testing.assert_array_equal(x[:, 0], 0)  # the mean
    np.testing.assert_array_equal(x[:, 2:7], [[1, 0, 0, 0, 0]] * 3)
    np.testing.assert_array_equal(x[:, 7:], [[1, 0, 0, 0]] * 3)
    assert np.isfinite(x).all()


def test_the_preprocessing_survives_json_and_a_file(tmp_path):
    frame = with_missing()
    frame["day"] = pd.date_range("2024-01-30", periods=SIZE).astype(str)
    data = load_data(frame, target="price", columns={"day": "date"})
    config = json.dumps(keras.saving.serialize_keras_object(data.preprocessing))
    again: Any = keras.saving.deserialize_keras_object(json.loads(config))
    assert json.dumps(keras.saving.serialize_keras_object(again)) == config
    data.preprocessing.save(tmp_path / "table.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "table.keras")
    batch, _ = next(iter(data.raw("test")))
    expected = features(data, "test")
    for layer in (again, loaded):
        np.testing.assert_array_equal(layer(batch), expected)


def test_dates():
    frame = houses()
    frame["day"] = pd.date_range("1969-12-30", periods=SIZE, freq="25h")
    frame.loc[3, "day"] = None
    options = {"target": "price", "columns": {"day": "date"}, "validation": frame, "test": frame}
    as_times, as_strings = frame, frame.assign(day=frame["day"].astype(str).replace("NaT", None))
    data = load_data(as_times, **options)
    np.testing.assert_array_equal(
        features(data, "test"), features(load_data(as_strings, **options), "test")
    )
    parts = data.preprocessing.get_layer("day_parts")(data.raw_splits["train"].features["day"])
    days = frame["day"]
    expected = {
        "days": (days - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1),
        "year": days.dt.year,
        "month": days.dt.month,
        "day": days.dt.day,
        "weekday": days.dt.day_of_week,
        "hour": days.dt.hour,
    }
    np.testing.assert_allclose(parts, np.stack([*expected.values()], 1), atol=1e-4)


NO_DATES = ["2024-13-01", "2024-00-10", "today", "2024-01-01T25:00", "24", "2024-01", "2023-02-29"]


@pytest.mark.parametrize("text", ["", *NO_DATES])
def test_what_is_no_date_is_missing(text):
    nothing, day = CalendarParts()(keras.ops.convert_to_tensor([text, "2024-02-29"])).numpy()
    assert np.isnan(nothing).all()
    assert day.tolist()[1:] == [2024, 2, 29, 3, 0]


@pytest.mark.parametrize(
    "text",
    ["2024-12-31", "2024-12-31 06:30", "2024-12-31T06:30:00.25", "2024-12-31T06:30:00+02:00"],
)
def test_dates_are_served_as_they_stand_in_the_table(text):
    frame = houses().assign(day=["2024-01-01", text] * 40)
    data = load_data(frame, target="price", columns={"day": "date"})
    assert set(data.raw_splits["train"].features["day"]) == {"2024-01-01", text}
    parts = CalendarParts()(keras.ops.convert_to_tensor([text]))[0].numpy().tolist()
    assert parts[1:] == [2024, 12, 31, 1, 6 if len(text) > 10 else 0]


@pytest.mark.parametrize("text", NO_DATES)
def test_what_is_no_date_is_refused(text):
    frame = houses().assign(day=["2024-01-01", text] * 40)
    message = "column 'day' must hold ISO 8601 dates such as 2020-01-31 or 2020-01-31T12:00:00. "
    with pytest.raises(DataError, match=re.escape(f"{message}Received: {text!r}")):
        load_data(frame, target="price", columns={"day": "date"})


def test_options():
    frame = houses().assign(number=np.arange(SIZE), weight=np.arange(SIZE) + 1.0)
    data = load_data(
        frame,
        target="garden",
        drop=["price", "number"],
        columns={"rooms": "number"},
        weight="weight",
        task="classification",
    )
    assert data.columns == {"area": "number", "rooms": "number", "town": "category"}
    assert (data.input_shape, data.class_names, data.has_weights) == ((2 + 4,), ("0", "1"), True)
    weights = np.concatenate([weights for *_, weights in data.test.as_numpy_iterator()])
    assert set(weights) < set(range(1, SIZE + 1))
    assert load_data(frame, target="price", drop="number").columns["weight"] == "number"


def test_several_targets():
    frame = houses()
    data = load_data(frame, target=["price", "area"])
    assert (data.task.kind, data.task.names) == ("regression", ("price", "area"))
    frame["pool"] = np.arange(SIZE) % 5 == 0
    data = load_data(frame, target=["garden", "pool"])
    assert (data.task.kind, data.task.names) == ("multilabel", ("garden", "pool"))


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "category", "string"])
def test_columns_of_pandas_own_types(dtype):
    frame = houses()
    values = {
        "Int64": np.arange(SIZE) % 3,
        "Float64": np.arange(SIZE) / 7,
        "boolean": np.arange(SIZE) % 2 == 0,
        "category": np.array([*"abc"])[np.arange(SIZE) % 3],
        "string": np.array([*"abc"])[np.arange(SIZE) % 3],
    }[dtype]
    frame["own"] = pd.Series(values, dtype=dtype)
    for missing in (False, True):
        if missing:
            frame.loc[5, "own"] = None
        data = load_data(frame, target="price", validation=frame, test=frame)
        kind = "number" if dtype in ("Float64", "boolean") else "category"
        assert data.columns["own"] == kind
        assert np.isfinite(features(data)).all()
    as_target = load_data(frame.dropna(), target="own")
    assert as_target.task.kind == ("regression" if dtype == "Float64" else "classification")


def test_constant_columns():
    frame = houses().assign(one=1.0, always="yes", large=1e9)
    data = load_data(frame, target="price", columns={"one": "number", "large": "number"})
    x = features(data)
    np.testing.assert_array_equal(x[:, 2:4], 0)


def test_a_split_by_a_column():
    part = np.array(["train", "Test", "valid", "train"])[np.arange(SIZE) % 4]
    data = load_data(houses().assign(part=part), target="price", split="column:part")
    assert data.sizes == {"train": 40, "validation": 20, "test": 20}
    assert "part" not in data.columns
    part = np.where(part == "valid", "train", part)
    data = load_data(houses().assign(part=part), target="price", split="column:part")
    assert data.sizes == {"train": 54, "validation": 6, "test": 20}


def test_a_split_by_groups():
    owner = np.array([*"abcdefghij"])[np.arange(SIZE) % 10]
    frame = houses().assign(owner=owner, price=np.arange(SIZE) + 0.5)
    data = load_data(frame, target="price", split="group:owner")
    assert data.sizes == {"train": 56, "validation": 8, "test": 16}
    groups = [
        {owner[int(price)] for _, y in getattr(data, part) for price in y.numpy()[:, 0]}
        for part in data.sizes
    ]
    assert len(set.union(*groups)) == sum(map(len, groups)) == 10


@pytest.mark.parametrize("form", ["dates", "strings", "numbers"])
def test_a_split_by_time(form):
    times = pd.date_range("2024-01-01", periods=SIZE)[::-1]
    values = {"dates": times, "strings": times.astype(str), "numbers": np.arange(SIZE)[::-1]}[form]
    frame = houses().assign(when=values, price=np.arange(SIZE)[::-1] + 0.5)
    data = load_data(frame, target="price", split="time:when")
    ranges = []
    for part in ("train", "validation", "test"):
        prices = np.concatenate([y for _, y in getattr(data, part)])
        ranges += [prices.min(), prices.max()]
    assert ranges == sorted(ranges)
    assert data.sizes == {"train": 57, "validation": 7, "test": 16}


def test_a_text(tmp_path):
    frame = pd.DataFrame({"review": ["so good", "so bad", None, "dull"] * 20, "id": range(80)})
    frame["opinion"] = ["yes", "no", "no", "no"] * 20
    data = load_data(frame, target="opinion", drop="id", columns={"review": "text"})
    assert (data.input_shape, data.vocabulary_size) == ((2,), 6)
    assert data.describe().splitlines()[-1].split()[:2] == ["review", "text"]
    data.save(tmp_path / "reviews.npz")
    again = load_data(tmp_path / "reviews.npz")
    np.testing.assert_array_equal(features(again, "test"), features(data, "test"))


def test_parts_with_other_types():
    """The type of a column is that of the training part."""
    frame, test = houses(), houses()
    test["town"], test["rooms"] = 7, test["rooms"].astype(str)
    data = load_data(frame, target="price", validation=frame, test=test)
    assert features(data, "test")[:, 7].tolist() == [1.0] * SIZE  # the town "7" is unknown
    rooms = slice(2, 7)
    np.testing.assert_array_equal(
        features(data, "test")[:, rooms], features(data, "validation")[:, rooms]
    )
    test["rooms"] = "three"
    with pytest.raises(DataError, match="column 'rooms' must hold numbers"):
        load_data(frame, target="price", validation=frame, test=test)


def test_a_category_may_be_called_unknown():
    frame = houses()
    frame["town"] = np.array(["[UNK]", "Ulm"])[np.arange(SIZE) % 2]
    x = features(load_data(frame, target="price"))
    assert set(x[:, 7:].argmax(axis=1)) == {1, 2}


def test_names_of_columns_that_a_layer_has():
    """Column names are those of the inputs, so no layer or operation may take one."""
    frame = houses().rename(columns={"area": "standardization", "garden": "town_lookup"})
    frame = frame.assign(floor=1.5, where=2.5, concatenate=frame["rooms"], reshape="a")
    assert load_data(frame, target="price").input_shape == (4 + 5 + 5 + 4 + 2,)


def test_a_large_integer_is_a_number():
    frame = houses().assign(day=20240101 + np.arange(SIZE) % 3)
    assert load_data(frame, target="price").columns["day"] == "number"


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (
            {},
            {"target": "prize"},
            "table: no column 'prize'. Its columns: 'area', 'rooms', 'town', ",
        ),
        ({}, {"drop": ["sea"]}, "table: no column 'sea'."),
        ({}, {"columns": {"sea": "date"}}, "table: no column 'sea'."),
        (
            {},
            {"columns": {"town": "word"}},
            "`columns['town']` must be one of 'number', 'category',",
        ),
        (
            {},
            {"columns": {"price": "number"}},
            "`columns` must name features. Received: 'price', whi",
        ),
        ({}, {"columns": {"town": "number"}}, "column 'town' must hold numbers (could not convert"),
        ({}, {"columns": {"town": "date"}}, "column 'town' must hold ISO 8601 dates"),
        (
            {},
            {"columns": {"area": "date"}},
            "column 'area' must hold ISO 8601 dates such as",
        ),
        (
            {},
            {"columns": {"area": "category"}},
            "column 'area': a category of numbers must hold int",
        ),
        (
            {},
            {"columns": {"town": "text"}},
            "table: a text must be the only feature. Received: area",
        ),
        (
            {},
            {"drop": ["area", "rooms", "town", "garden"]},
            "table: no column is left as a feature.",
        ),
        ({}, {"drop": "price"}, "`drop` must not be the target. Received: 'price'"),
        (
            {},
            {"split": "random"},
            "`split` must be 'column:NAME', 'group:NAME' or 'time:NAME'. Rec",
        ),
        (
            {},
            {"split": "column:town"},
            "column 'town' must hold train, val, valid, validation, test.",
        ),
        (
            {},
            {"split": "time:town"},
            "column 'town' of `split` must hold numbers, or ISO 8601 dates",
        ),
        (
            {"town": None},
            {"split": "group:town"},
            "column 'town' of `split` must not miss a value.",
        ),
        ({"town": "test"}, {"split": "column:town"}, "column 'town' has no row 'train'."),
        (
            {"town": None},
            {},
            "column 'town' has no value in the training part. Leave it out with `dr",
        ),
        ({"area": np.inf}, {}, "column 'area' must hold finite float32 numbers. Received: inf."),
        ({"area": [-1e30, 1e30] * 40}, {}, "column 'area': the variance must fit float32"),
        ({"area": 1j}, {}, "column 'area' must hold numbers or strings. Received: complex128."),
        (
            {"town": [*range(79), "a"]},
            {},
            "column 'town' must hold numbers or strings. Received: 0.",
        ),
        (
            {"town": [f"{i} a" for i in range(80)]},
            {},
            "has 80 different strings in 80 rows. Pass col",
        ),
        (
            {"town": "2024-01-01"},
            {},
            "column 'town' holds dates. Pass columns={'town': 'date'} for",
        ),
        ({"town": pd.Timestamp(0)}, {}, "column 'town' holds dates. Pass columns={'town': 'date'}"),
        (
            {"a/b": 1},
            {},
            "Received: 'a/b'. Rename the columns, for example frame.rename(columns="
            "{'a/b': 'a_b'}).",
        ),
        (
            {"a b": 1, "ä": 1, "1": 1, "-x": 1},
            {},
            "table: the names of inputs must be strings of ASCII letters, digits and underscores, "
            "a letter first, and no Python keywords or 'self'. Received: 'a b', 'ä', '1', .... "
            "Rename the columns, for example "
            "frame.rename(columns={'a b': 'a_b', 'ä': 'x', '1': 'x_1'}).",
        ),
        ({"class": 1, "in": 1}, {}, "no Python keywords or 'self'. Received: 'class', 'in'."),
        (
            {"Unnamed: 0": 1},
            {},
            "table: column 1 has no name. Save the table with index=False, name the column",
        ),
        (
            {"price": [1.5, None] * 40},
            {},
            "targets must not be missing. Received: 40 of 80 rows with",
        ),
        (
            {"w": -1.0},
            {"weight": "w"},
            "table: sample weights must be finite, >= 0, and not all 0.",
        ),
        (
            {},
            {"test": pd.DataFrame({"area": [1]})},
            "table (test): no column 'rooms', 'town', 'gard",
        ),
        ({}, {"test": pd.DataFrame()}, "test: the table has no rows."),
        ({}, {"test": "none.csv"}, "none.csv: no such file."),
        ({}, {"test": "none.txt"}, "none.txt: tables are .csv, .tsv and .parquet files."),
    ],
)
def test_what_cannot_be_used(change, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        load_data(houses().assign(**change), **{"target": "price"} | options)


def test_a_split_and_parts_that_are_given():
    frame = houses().assign(part="train")
    for options in ({"test": frame}, {"validation": frame}):
        with pytest.raises(ValueError, match="Pass `split`, or `validation` and `test`, not both"):
            load_data(frame, target="price", split="column:part", **options)


def test_columns_of_the_same_name():
    frame = pd.concat([houses(), houses()[["area"]]], axis=1)
    with pytest.raises(DataError, match="table: columns must have different names"):
        load_data(frame, target="price")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_that_cannot_be_read(suffix, tmp_path):
    file = tmp_path / f"houses.{suffix}"
    with pytest.raises(DataError, match=f"houses.{suffix}: no such file"):
        load_data(file, target="price")
    file.write_bytes(b'a,b\n"1,2\n3,4,5\n' if suffix == "csv" else b"PAR1")
    with pytest.raises(DataError, match=f"houses.{suffix}: not a readable table"):
        load_data(file, target="price")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "town,town,price\n1,2,3\n", "Received: ['town', 'town', 'price']."),
        ("a.csv", "town;price\n1;2\n", "Its columns: 'town;price'. Is the delimiter a comma?"),
        ("a.csv", ",area,price\n0,1,2\n", "column 1 has no name. Save the table with index=False"),
        ("a.TSV", "town,price\n1,2\n", "no column 'price'. Its columns: 'town,price'."),
    ],
)
def test_heads_that_cannot_be_used(name, text, message, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=re.escape(message)):
        load_data(tmp_path / name, target="price")


@pytest.mark.parametrize(("suffix", "separator"), [("CSV", ","), ("tsv", "\t")])
def test_other_suffixes(suffix, separator, tmp_path):
    houses().to_csv(tmp_path / f"a.{suffix}", sep=separator)
    data = load_data(str(tmp_path / f"a.{suffix}"), target="price", drop="Unnamed: 0")
    assert [*(data.columns or ())] == ["area", "rooms", "town", "garden"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"weight": ["w"]},
            "`weight` must be the name of a column, or None. Received: weight=['w']",
        ),
        ({"target": None}, "load_data needs `target` for a DataFrame, such as target='price'."),
    ],
)
def test_options_of_another_type(options, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        load_data(houses(), **{"target": "price"} | options)


def test_columns_with_several_names():
    frame = pd.concat({"a": houses()}, axis=1)
    with pytest.raises(
        DataError, match=r"table: a column must have one name. Received: \('a', 'ar"
    ):
        load_data(frame, target="price")


VALUES = {
    "number": st.floats(-1e6, 1e6, width=32) | st.none(),
    "integer": st.integers(0, 5),
    "flag": st.booleans() | st.none(),
    "word": st.sampled_from(["a", "b", "ä", "[UNK]", None]),
}


@settings(
    deadline=None,
    max_examples=10,
    phases=[Phase.generate],  # to shrink takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    frame=pdst.data_frames(
        [pdst.column(name, elements=values, dtype=object) for name, values in VALUES.items()],
        index=pdst.range_indexes(min_size=20, max_size=40),
    )
)
def test_any_table_gives_finite_features_or_a_data_error(frame):
    frame["number"] = frame["number"].astype("float64")
    frame["integer"] = frame["integer"].astype("int64")
    frame["target"] = np.arange(len(frame)) + 0.5
    if any(frame[name].isna().all() for name in ("number", "flag")):
        with pytest.raises(DataError, match="has no value in the training part"):
            load_data(frame, target="target", columns={"word": "category"})
        return
    frame.loc[:9, ["number", "flag"]] = 1.0, True  # all missing by chance in the training part
    data = load_data(frame, target="target", columns={"word": "category"})
    for part, size in data.sizes.items():
        x = features(data, part)
        assert x.shape == (size, *data.input_shape)
        assert np.isfinite(x).all()
