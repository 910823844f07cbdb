"""The columns of a table: what kind each one is, and its values as arrays."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ...core.checks import check_one_of
from ..tasks import DataError
from .split import as_tensor
from .table_preprocessing import CalendarParts

if TYPE_CHECKING:
    import pandas as pd

ColumnKind = Literal["number", "category", "date", "text"]

_FEW_INTEGERS = 10  # an integer column of at most so many values is a category
_MANY_CATEGORIES = 100  # a string column of more values has to be told what it is
_LARGEST_CATEGORY = 2**24  # float32 holds all integers up to it


@dataclass(frozen=True)
class Column:
    """A column of features.

    Args:
        name: The name of the column.
        kind: "number", "category", "date" or "text".
        strings: Whether its values are strings; otherwise they are float32.
        field: The table and the column, for error messages.
    """

    name: str
    kind: ColumnKind
    strings: bool
    field: str

    @classmethod
    def of(cls, column: "pd.Series", told: Mapping[str, str], origin: str) -> "Column":
        """Return the column of the training part: of the kind told, or found from its values.

        Raises:
            DataError: If the kind cannot be found.
        """
        name = str(column.name)
        field = f"{origin}: column {name!r}"
        kind: Any = told.get(name)
        if kind is None:
            kind = _found_kind(column, field)
        check_one_of(f"columns[{name!r}]", kind, get_args(ColumnKind))
        return cls(name, kind, kind in ("date", "text") or not _is_numeric(column), field)

    def values(self, column: "pd.Series") -> np.ndarray:
        """Return the values `(rows,)`: float32 with NaN, or strings with "" for missing ones."""
        if self.kind == "date":
            return _dates(column, self.field)
        if self.strings and self.kind != "number":
            missing = column.isna().to_numpy()
            return np.where(missing, "", column.astype(str).to_numpy(object))
        values = _numbers(column, self.field)
        if self.kind == "category" and not _are_categories(values):
            raise DataError(
                f"{self.field}: a category of numbers must hold integers of at most 2**24. Convert "
                f"it to strings, or pass columns={{{self.name!r}: 'number'}}."
            )
        return values


def _found_kind(column: "pd.Series", field: str) -> ColumnKind:
    import pandas as pd

    present = column.dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_bool_dtype(column):
        return "number"
    if pd.api.types.is_complex_dtype(column):
        raise DataError(f"{field} must hold numbers or strings. Received: {column.dtype}.")
    if pd.api.types.is_numeric_dtype(column):
        few = 0 < present.nunique() <= _FEW_INTEGERS
        return "category" if few and _are_categories(present.to_numpy("float64")) else "number"
    name = str(column.name)
    if pd.api.types.is_datetime64_any_dtype(column) or _look_like_dates(present):
        raise DataError(
            f"{field} holds dates. Pass columns={{{name!r}: 'date'}} for the days and their "
            f"calendar parts, or drop=[{name!r}]."
        )
    if present.map(type).isin((bool, np.bool_)).all():  # with missing values, or all missing
        return "number"
    others = [value for value in present if not isinstance(value, str)]
    if others:
        raise DataError(
            f"{field} must hold numbers or strings. Received: {others[0]!r}. Leave it out with "
            f"drop=[{name!r}]."
        )
    if present.nunique() > min(_MANY_CATEGORIES, max(len(present) // 2, 2)):
        raise DataError(
            f"{field} has {present.nunique()} different strings in {len(present)} rows. Pass "
            f"columns={{{name!r}: 'category'}} (or 'text', as the only feature), or "
            f"drop=[{name!r}]."
        )
    return "category"


def _is_numeric(column: "pd.Series") -> bool:
    """Return whether a column holds numbers or booleans, some of which may be missing."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.api.types.is_numeric_dtype(column.cat.categories.dtype)
    if pd.api.types.is_numeric_dtype(column):  # or bool
        return True
    return bool(column.dropna().map(type).isin((bool, np.bool_)).all())


def _look_like_dates(present: "pd.Series") -> bool:
    return len(present) > 0 and bool(present.astype(str).str.match(r"\d{4}-\d{2}-\d{2}").all())


def _are_categories(values: np.ndarray) -> bool:
    present = values[~np.isnan(values)]
    return bool((present == np.rint(present)).all() and (abs(present) <= _LARGEST_CATEGORY).all())


def _numbers(column: "pd.Series", field: str) -> np.ndarray:
    try:
        values = column.astype(object).to_numpy("float64", na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise DataError(f"{field} must hold numbers ({error}).") from error
    with np.errstate(over="ignore"):
        values = values.astype("float32")
    if np.isinf(values).any():
        raise DataError(f"{field} must hold finite float32 numbers. Received: inf.")
    return values


def _dates(column: "pd.Series", field: str) -> np.ndarray:
    """Return dates as strings, "" for missing ones; they are read by the layer that is served."""
    texts = np.where(column.isna().to_numpy(), "", column.astype(str).to_numpy(object))
    unread = np.isnan(np.asarray(CalendarParts()(as_tensor(texts))[:, 0])) & (texts != "")
    if unread.any():
        raise DataError(
            f"{field} must hold ISO 8601 dates such as 2020-01-31 or 2020-01-31T12:00:00. "
            f"Received: {texts[unread.argmax()]!r}"
        )
    return texts


def target_values(targets: "pd.DataFrame", origin: str) -> np.ndarray:
    """Return one column of targets as `(rows,)`, or several as `(rows, targets)`.

    Raises:
        DataError: If a target is missing.
    """
    if missing := int(targets.isna().any(axis=1).sum()):
        raise DataError(
            f"{origin}: targets must not be missing. Received: {missing} of {len(targets)} rows "
            f"without {' or '.join(map(repr, targets.columns))}."
        )
    columns = [plain(targets[name]) for name in targets.columns]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)


def plain(column: "pd.Series") -> np.ndarray:
    """Return a column without missing values as an array of one of NumPy's own types."""
    import pandas as pd

    for kind in ("bool", "integer", "float"):
        if getattr(pd.api.types, f"is_{kind}_dtype")(column):
            dtype = getattr(column.dtype, "numpy_dtype", column.dtype)  # of a nullable type
            return column.to_numpy(dtype)
    return column.to_numpy()
