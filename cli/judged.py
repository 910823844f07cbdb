"""`data_of`, `checks_on` and `rows_of`: the data of a run, by which its exports are judged."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..exports import Checks
    from ..zoo import Data, Run

__all__ = ["INPUT", "JUDGED_ROWS", "checks_on", "data_of", "rows_of"]

INPUT = "features"  # of every model of the zoo
JUDGED_ROWS = 2000


def data_of(run: "Run") -> "Data":
    """What it was trained on, loaded as it was then."""
    from .. import zoo

    names = ("name", "batch_size", "seed", "data_dir", "validation_fraction", "image_size")
    return zoo.load_data(**{name: run.config["data"][name] for name in names})


def checks_on(data: "Data | None") -> "Checks":
    """By the validation data, or by none."""
    from .. import exports

    if data is None:
        return exports.Checks()
    features, labels = rows_of(data, "validation", JUDGED_ROWS)
    return exports.Checks(data=({INPUT: features}, labels))


def rows_of(data: "Data", part: str, count: int) -> "tuple[Any, Any]":
    """Raw examples, drawn: the data may be sorted by class."""
    from ..zoo.data.source import data_errors

    rows = data.raw(part).unbatch().shuffle(10 * count, seed=0).batch(count)
    with data_errors():
        batch: Any = next(iter(rows.as_numpy_iterator()))
    return batch
