"""Reader of tables: numbers, categories, dates and missing values in columns with names."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.checks import check_type
from ..tasks import DataError, Task
from .arrays import check_input_names, source_of_arrays
from .source import PART_NAMES, Source
from .table_columns import Column, ColumnKind, target_values
from .table_preprocessing import fit_table
from .text import fit_text

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".tsv", ".parquet")


def read_table(
    table: "Path | pd.DataFrame",
    *,
    target: str | Sequence[str],
    drop: str | Sequence[str] = (),
    columns: Mapping[str, ColumnKind] | None = None,
    weight: str | None = None,
    split: str | None = None,
    validation: "Path | pd.DataFrame | None" = None,
    test: "Path | pd.DataFrame | None" = None,
    task: Task | str | None = None,
) -> Source:
    """Read a table whose columns are the features and the targets.

    =======================================  ============================================
    column                                   kind
    =======================================  ============================================
    integers of at most 10 values            category
    other numbers, booleans                  number
    strings of at most 100 values            category
    pandas' categories                       category
    other strings, dates                     an error, unless `columns` tells the kind
    =======================================  ============================================

    Strings that are different in more than half of the rows are no categories either.

    Args:
        table: A pandas DataFrame, or a file `*.csv`, `*.tsv` or `*.parquet` (which needs pyarrow).
        target: The column to predict, or several.
        drop: The column or columns to leave out.
        columns: The kind of columns, by name. A "date" is an ISO 8601 date or time; its features
            are the days since 1970, year, month, day, weekday and hour. A "text" must be the only
            feature.
        weight: The column of the sample weights.
        split: How parts are held out: "column:NAME", a column with the values train, validation (or
            val, valid) and test; "group:NAME", all rows of a group in one part; "time:NAME", the
            latest rows. By default stratified by class. The column is no feature.
        validation: The validation part, a table of the same columns.
        test: The test part, a table of the same columns.
        task: As in `load_data`.

    Raises:
        DataError: If the table or a column cannot be used; the message names the column.
    """
    origin = str(table) if isinstance(table, Path) else "table"
    way, key = _split_option(split)
    if (way == "column" and not (validation is test is None)) or (
        way and None not in (validation, test)
    ):
        raise ValueError(
            f"Pass `split`, or `validation` and `test`, not both. Received: split={split!r}"
        )
    check_type("weight", weight, (str, NoneType), "the name of a column, or None")
    frame = _read(table, "source")
    targets = _names("target", target)
    if not targets:
        raise ValueError("`target` must name at least one column. Received: none.")
    special = {
        **dict.fromkeys(_names("drop", drop), "`drop`"),
        **({weight: "`weight`"} if weight else {}),
        **({key: "`split`"} if key else {}),
    }
    for name in targets:
        if name in special:
            raise ValueError(f"{special[name]} must not be the target. Received: {name!r}")
    told = _checked_kinds(columns, {**special, **dict.fromkeys(targets, "`target`")})
    _check_columns(frame, [*targets, *special, *told], origin)
    names = [name for name in frame.columns if name not in (*targets, *special)]
    if not names:
        raise DataError(f"{origin}: no column is left as a feature. Received: {list(frame)}.")

    frames = {"train": frame, "validation": validation, "test": test}
    frames = {part: _read(t, part) for part, t in frames.items() if t is not None}
    needed = [*names, *targets, *([weight] if weight else [])]
    for part in frames:
        _check_columns(frames[part], needed, f"{origin} ({part})")
    if way == "column":
        frames = _parts_by_column(frame, key, origin)
    if "text" not in told.values():  # the input of a text is called "text"
        _check_names(names, origin)
    features = [Column.of(frames["train"][name], told, origin) for name in names]
    kinds = {column.name: column.kind for column in features}

    def arrays(frame: "pd.DataFrame") -> tuple[Any, ...]:
        x = {column.name: column.values(frame[column.name]) for column in features}
        weights = (frame[weight].to_numpy(),) if weight else ()
        return (x, target_values(frame[targets], origin), *weights)

    parts = {part: arrays(frame) for part, frame in frames.items()}
    keys, hold_out_by = None, "strata"
    if way in ("group", "time"):
        keys, hold_out_by = _keys(frame[key], way, origin), way
    fit: Any = functools.partial(fit_table, kinds=kinds)
    if "text" in kinds.values():
        if len(kinds) > 1:
            raise DataError(
                f"{origin}: a text must be the only feature. Received: {', '.join(kinds)}. Leave "
                "the others out with `drop`."
            )
        parts = {part: (x[names[0]], *others) for part, (x, *others) in parts.items()}
        fit = fit_text
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
        columns=kinds,
    )


def _read(table: Any, argument: str) -> "pd.DataFrame":
    """Read a file, or check a DataFrame."""
    try:
        import pandas as pd  # takes a second to import
    except ImportError as error:
        raise ImportError("Reading a table needs pandas: pip install pandas") from error

    origin = "table" if argument == "source" else argument
    if isinstance(table, pd.DataFrame):
        frame = table
    else:
        check_type(argument, table, (str, Path), "a pandas DataFrame or a file")
        path = Path(table).expanduser()
        origin = str(path)
        suffix = path.suffix.lower()
        if suffix not in TABLES:
            raise DataError(f"{path}: tables are .csv, .tsv and .parquet files.")
        if not path.is_file():
            fault = "is a directory" if path.is_dir() else "no such file"
            raise DataError(f"{path}: {fault}.")
        try:
            frame = pd.read_parquet(path) if suffix == ".parquet" else _read_csv(path, suffix)
        except ImportError as error:
            raise DataError(f"{path}: reading parquet needs `pip install pyarrow`.") from error
        except Exception as error:  # pandas and pyarrow raise many types for a broken file
            cause = " ".join(str(error).split())
            raise DataError(f"{path}: not a readable table ({cause}).") from error
    if frame.columns.nlevels > 1:
        raise DataError(f"{origin}: a column must have one name. Received: {frame.columns[0]}.")
    frame = frame.rename(columns=str)
    if not len(frame):
        raise DataError(f"{origin}: the table has no rows.")
    if len(set(frame.columns)) < len(frame.columns):
        raise DataError(f"{origin}: columns must have different names. Received: {list(frame)}.")
    return frame


def _read_csv(path: Path, suffix: str) -> "pd.DataFrame":
    import pandas as pd

    separator = "\t" if suffix == ".tsv" else ","
    frame = pd.read_csv(path, sep=separator, low_memory=False)
    head = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str).loc[0]
    if head.dropna().duplicated().any():  # pandas has renamed them: town, town.1
        frame = frame.set_axis(head.astype(str), axis=1)
    return frame


def _names(argument: str, names: Any) -> list[str]:
    names = [names] if isinstance(names, str) else names
    check_type(argument, names, Sequence, "the name of a column, or a list of names")
    for name in names:
        check_type(argument, name, str, "the name of a column, or a list of names")
    return list(dict.fromkeys(names))


def _checked_kinds(columns: Any, special: Mapping[str, str]) -> dict[str, str]:
    if columns is None:
        return {}
    check_type("columns", columns, Mapping, "a dict from the name of a column to its kind")
    for name in columns:
        if name in special:
            raise ValueError(
                f"`columns` must name features. Received: {name!r}, which is in {special[name]}"
            )
    return dict(columns)


def _check_columns(frame: "pd.DataFrame", names: Sequence[str], origin: str) -> None:
    if missing := [name for name in names if name not in frame.columns]:
        one = frame.columns[0] if len(frame.columns) == 1 else ""
        hint = " Is the delimiter a comma?" if ";" in one or "\t" in one else ""
        raise DataError(
            f"{origin}: no column {', '.join(map(repr, missing))}. Its columns: "
            f"{', '.join(map(repr, frame.columns))}.{hint}"
        )


def _check_names(names: Sequence[str], origin: str) -> None:
    for name in names:
        if position := re.fullmatch(r"Unnamed: (\d+)", name):  # pandas' name for none
            raise DataError(
                f"{origin}: column {int(position[1]) + 1} has no name. Save the table with "
                f"index=False, name the column, or pass drop={name!r}."
            )
    plain = [re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") for name in names]
    plain = [name if name[:1].isalpha() else f"x_{name}".rstrip("_") for name in plain]
    new = [(name, to) for name, to in zip(names, plain, strict=True) if to != name]
    advice = f" Rename the columns, for example frame.rename(columns={dict(new[:3])})."
    check_input_names(names, origin, advice)


def _split_option(split: str | None) -> tuple[str | None, str | None]:
    if split is None:
        return None, None
    way, _, name = split.partition(":") if isinstance(split, str) else ("", "", "")
    if way not in ("column", "group", "time") or not name:
        raise ValueError(
            f"`split` must be 'column:NAME', 'group:NAME' or 'time:NAME'. Received: split={split!r}"
        )
    return way, name


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
    texts = column.astype(str)
    times = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")
    if times.isna().any():
        wrong = texts.tolist()[int(np.argmax(times.isna()))]
        raise DataError(
            f"{origin}: column {column.name!r} of `split` must hold numbers, or ISO 8601 dates "
            f"such as 2020-01-31 or 2020-01-31T12:00:00. Received: {wrong!r}"
        )
    return times.astype("int64").to_numpy()
