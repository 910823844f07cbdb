"""Reader of tables: numbers, categories, dates and missing values in columns with names."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ...core.checks import check_one_of, check_type
from ..tasks import DataError, Task
from .arrays import source_of_arrays
from .source import PART_NAMES, Source
from .table_preprocessing import fit_table
from .text import fit_text

if TYPE_CHECKING:
    import pandas as pd

ColumnKind = Literal["number", "category", "date", "text"]
TABLES = (".csv", ".parquet")

_FEW_INTEGERS = 10  # an integer column of at most so many values is a category
_MANY_CATEGORIES = 100  # a string column of more values has to be told what it is


def read_table(
    table: "Path | pd.DataFrame",
    *,
    target: str | Sequence[str],
    drop: Sequence[str] = (),
    columns: Mapping[str, ColumnKind] | None = None,
    weight: str | None = None,
    split: str | None = None,
    validation: "Path | pd.DataFrame | None" = None,
    test: "Path | pd.DataFrame | None" = None,
    task: Task | str | None = None,
) -> Source:
    """Read a table whose columns are the features and the targets.

    =======================================  ========
    column                                   kind
    =======================================  ========
    integers of at most 10 values            category
    other numbers, booleans                  number
    strings of at most 100 values            category
    other strings, dates                     an error, unless `columns` tells the kind
    =======================================  ========

    Args:
        table: A pandas DataFrame, or a file `*.csv` or `*.parquet` (which needs pyarrow).
        target: The column to predict, or several.
        drop: Columns to leave out.
        columns: The kind of columns, by name. A "date" is an ISO 8601 date or time; its features
            are the days since 1970, year, month, day, weekday and hour. A "text" must be the only
            feature.
        weight: The column of the sample weights.
        split: How parts are held out: "column:NAME", a column with the values train, validation and
            test; "group:NAME", all rows of a group in one part; "time:NAME", the latest rows. By
            default stratified by class. The column is no feature.
        validation: The validation part, a table of the same columns.
        test: The test part, a table of the same columns.
        task: As in `load_data`.

    Raises:
        DataError: If the table or a column cannot be used; the message names the column.
    """
    origin = str(table) if isinstance(table, Path) else "table"
    frame = _read(table, "source")
    targets = [target] if isinstance(target, str) else list(target)
    way, key = _split_option(split)
    special = [*targets, *drop, *([weight] if weight else []), *([key] if key else [])]
    columns = dict(columns or {})
    _check_columns(frame, [*special, *columns], origin)
    features = [name for name in frame.columns if name not in special]
    if not features:
        raise DataError(f"{origin}: no column is left as a feature. Received: {list(frame)}.")
    kinds = {name: _kind(frame[name], columns.get(name), origin) for name in features}

    def arrays(frame: "pd.DataFrame") -> tuple[Any, ...]:
        x = {name: _values(frame[name], kind, origin) for name, kind in kinds.items()}
        y = _target_values(frame[targets], origin)
        weights = (frame[weight].to_numpy(),) if weight else ()
        return (x, y, *weights)

    frames = {"train": frame, "validation": validation, "test": test}
    frames = {part: _read(t, part) for part, t in frames.items() if t is not None}
    for part in frames:
        _check_columns(frames[part], [*features, *special], f"{origin} ({part})")
    if way == "column":
        frames = _parts_by_column(frame, key, origin)
    parts = {part: arrays(frame) for part, frame in frames.items()}
    keys, hold_out_by = None, "strata"
    if way in ("group", "time"):
        keys, hold_out_by = _keys(frame[key], way, origin), way
    if "text" in kinds.values():
        if len(kinds) > 1:
            raise DataError(
                f"{origin}: a text must be the only feature. Received: {', '.join(kinds)}. Leave "
                "the others out with `drop`."
            )
        parts = {part: (x[features[0]], *others) for part, (x, *others) in parts.items()}
        fit: Any = fit_text
    else:
        fit = functools.partial(fit_table, kinds=kinds)
    fields = {part: f"{origin}: {', '.join(targets)}" for part in parts}
    return source_of_arrays(
        origin,
        parts,
        task=task,
        names=targets,
        fields=fields,
        keys=keys,
        hold_out_by=hold_out_by,
        preprocessing=fit,
    )


def _read(table: Any, argument: str) -> "pd.DataFrame":
    """Read a file, or check a DataFrame."""
    import pandas as pd  # takes a second to import

    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        check_type(argument, table, (str, Path), "a pandas DataFrame or a file")
        path = Path(table).expanduser()
        if not path.is_file():
            raise DataError(f"{path}: no such file.")
        try:
            frame = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        except ImportError as error:
            raise DataError(f"{path}: reading parquet needs `pip install pyarrow`.") from error
        except Exception as error:  # pandas and pyarrow raise many types for a broken file
            cause = " ".join(str(error).split())
            raise DataError(f"{path}: not a readable table ({cause}).") from error
    frame = frame.rename(columns=str)
    if not len(frame):
        raise DataError(f"{table if isinstance(table, Path) else argument}: the table has no rows.")
    if len(set(frame.columns)) < len(frame.columns):
        raise DataError(f"{argument}: columns must have different names. Received: {list(frame)}.")
    return frame


def _check_columns(frame: "pd.DataFrame", names: Sequence[str], origin: str) -> None:
    if missing := [name for name in names if name not in frame.columns]:
        raise DataError(
            f"{origin}: no column {', '.join(map(repr, missing))}. Its columns: "
            f"{', '.join(frame.columns)}."
        )


def _split_option(split: str | None) -> tuple[str | None, str | None]:
    if split is None:
        return None, None
    way, _, name = split.partition(":") if isinstance(split, str) else ("", "", "")
    if way not in ("column", "group", "time") or not name:
        raise ValueError(
            f"`split` must be 'column:NAME', 'group:NAME' or 'time:NAME'. Received: split={split!r}"
        )
    return way, name


def _kind(column: "pd.Series", told: ColumnKind | None, origin: str) -> ColumnKind:
    """Return the kind of a column: the one told, or by the type of its values."""
    from pandas.api import types

    if told is not None:
        check_one_of(f"columns[{column.name!r}]", told, get_args(ColumnKind))
        return told
    if types.is_bool_dtype(column):
        return "number"
    if types.is_numeric_dtype(column):
        present = column.dropna()
        few = present.nunique() <= _FEW_INTEGERS
        return "category" if few and len(present) and (present % 1 == 0).all() else "number"
    field = f"{origin}: column {column.name!r}"
    if types.is_datetime64_any_dtype(column) or _looks_like_dates(column):
        raise DataError(
            f"{field} holds dates. Pass columns={{{column.name!r}: 'date'}} for the days and their "
            f"calendar parts, or drop=[{column.name!r}]."
        )
    present = column.dropna()
    if present.map(type).isin((bool, np.bool_)).all():  # with missing values
        return "number"
    if not present.map(lambda value: isinstance(value, str)).all():
        raise DataError(
            f"{field} must hold numbers or strings. Received: {present.iloc[0]!r}. Leave it out "
            f"with drop=[{column.name!r}]."
        )
    if present.nunique() > min(_MANY_CATEGORIES, max(len(present) // 2, 2)):
        raise DataError(
            f"{field} has {present.nunique()} different strings in {len(present)} rows. Pass "
            f"columns={{{column.name!r}: 'category'}} (or 'text', as the only feature), or "
            f"drop=[{column.name!r}]."
        )
    return "category"


def _looks_like_dates(column: "pd.Series") -> bool:
    present = column.dropna().astype(str)
    return bool(len(present)) and bool(present.str.match(r"\d{4}-\d{2}-\d{2}").all())


def _values(column: "pd.Series", kind: ColumnKind, origin: str) -> np.ndarray:
    """Return a column as `(rows,)`: float32 with NaN, or strings with "" for missing values."""
    import pandas as pd

    field = f"{origin}: column {column.name!r}"
    missing = column.isna().to_numpy()
    if kind == "date":
        try:
            times = pd.to_datetime(column, format="ISO8601")
        except (ValueError, TypeError) as error:
            raise DataError(f"{field} must hold ISO 8601 dates ({error}).") from error
        texts = times.dt.strftime("%Y-%m-%dT%H:%M:%S").to_numpy(object)
        return np.where(missing, "", texts)
    numeric = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    if kind == "number" or (kind == "category" and numeric):
        try:
            values = column.to_numpy("float64", na_value=np.nan)
        except (ValueError, TypeError) as error:
            raise DataError(f"{field} must hold numbers ({error}).") from error
        with np.errstate(over="ignore"):
            values = values.astype("float32")
        if np.isinf(values).any():
            raise DataError(f"{field} must hold finite float32 numbers. Received: inf.")
        return values
    return np.where(missing, "", column.astype(str).to_numpy(object))


def _target_values(targets: "pd.DataFrame", origin: str) -> np.ndarray:
    if missing := int(targets.isna().any(axis=1).sum()):
        raise DataError(
            f"{origin}: targets must not be missing. Received: {missing} of {len(targets)} rows "
            f"without {' or '.join(map(repr, targets.columns))}."
        )
    return (targets.iloc[:, 0] if targets.shape[1] == 1 else targets).to_numpy()


def _parts_by_column(frame: "pd.DataFrame", name: str | None, origin: str) -> dict[str, Any]:
    parts = {value: part for part, values in PART_NAMES.items() for value in values}
    values = frame[name].astype(str).str.lower()
    if unknown := sorted(set(values) - set(parts)):
        raise DataError(
            f"{origin}: column {name!r} must hold {', '.join(parts)}. Received: {unknown[0]!r}."
        )
    by_part = values.map(parts)
    if "train" not in set(by_part):
        raise DataError(f"{origin}: column {name!r} has no row 'train'.")
    return {part: frame[by_part == part] for part in PART_NAMES if (by_part == part).any()}


def _keys(column: "pd.Series", way: str, origin: str) -> np.ndarray:
    """Return a number for each row: of its group, or in the order of time."""
    import pandas as pd

    if column.isna().any():
        raise DataError(f"{origin}: column {column.name!r} of `split` must not miss a value.")
    if way == "group":
        return np.unique(column.astype(str), return_inverse=True)[1]
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy("float64")
    try:
        return pd.to_datetime(column, format="ISO8601").astype("int64").to_numpy()
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{origin}: column {column.name!r} of `split` must hold numbers or ISO 8601 dates "
            f"({error})."
        ) from error
