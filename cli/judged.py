"""The data of a run, on which its exports are checked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..exports import Checks
    from ..zoo import Data, Run

INPUT = "features"  # the input of every model of the zoo
JUDGED_ROWS = 2000


def data_of(run: "Run") -> "Data":
    """Load the data of a run again."""
    from .. import zoo

    names = ("name", "batch_size", "seed", "data_dir", "validation_fraction", "image_size")
    return zoo.load_data(**{name: run.config["data"][name] for name in names})


def checks_on(data: "Data | None") -> "Checks":
    """Return the checks on the validation data, or those without data."""
    from .. import exports

    if data is None:
        return exports.Checks()
    features, labels = rows_of(data, "validation", JUDGED_ROWS)
    return exports.Checks(data=({INPUT: features}, labels))


def rows_of(data: "Data", part: str, count: int) -> "tuple[Any, Any]":
    """Return random raw examples; the data may be sorted by class."""
    from ..zoo.data.source import data_errors

    rows = data.raw(part).unbatch().shuffle(10 * count, seed=0).batch(count)
    with data_errors():
        batch: Any = next(iter(rows.as_numpy_iterator()))
    return batch
