"""docs/results.md and the table of the README, from the records of the runs."""

import json
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import NamedTuple

from occam import zoo
from occam.core.statistics import standard_error
from occam.core.text_table import counted

from ..pages import markdown_table
from ..records import Record
from ..suite.sets import RECIPES
from .runs import (
    ALONE,
    ATTACKED,
    DATA,
    EPSILON,
    FOLDS,
    MODEL,
    TIERS,
    TRIALS,
    TUNED,
    Job,
    baselines,
    methods,
    regularization_of,
)

_NETWORKS = ("MLP", "FCN", "ResNet")
_SERIES = {
    "ucr/ACSF1": (0.558, 0.898, 0.916),
    "ucr/ArrowHead": (0.784, 0.843, 0.838),
    "ucr/GunPoint": (0.928, 1.000, 0.991),
    "ucr/ItalyPowerDemand": (0.953, 0.963, 0.962),
    "ucr/OSULeaf": (0.560, 0.979, 0.980),
}
PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "mnist1d": {"MLP (paper)": 0.68, "MLP (the authors' notebook)": 0.657, "CNN (paper)": 0.94},
    **{name: dict(zip(_NETWORKS, scores, strict=True)) for name, scores in _SERIES.items()},
}

_OF_SERIES = (
    "Ismail Fawaz et al., Deep Learning for Time Series Classification: a Review, 2019, "
    "https://doi.org/10.1007/s10618-019-00619-1: means of five runs on the archive of 2018, "
    "https://github.com/hfawaz/dl-4-tsc (results-ucr-128.csv)"
)
_OF_MNIST1D = (
    "Greydanus & Kobak, Scaling Down Deep Learning with MNIST-1D, 2020, "
    "https://arxiv.org/abs/2011.14439, and its notebook"
)

Records = Mapping[Job, Record]


class Row(NamedTuple):
    """The figures of a method on a data set, one for each seed."""

    method: str
    records: Sequence[Record]

    def mean(self, name: str) -> float:
        return mean(record[name] for record in self.records)

    def cell(self, name: str) -> str:
        """Return the mean ± the standard error of a figure; nothing if it does not exist."""
        values = [self._value(record, name) for record in self.records]
        if None in values:
            return ""
        error = f" ± {standard_error(values):.3f}" if len(values) > 1 else ""
        return f"{mean(values):.3f}{error}"

    @staticmethod
    def _value(record: Record, name: str):
        return record["train"] - record["test"] if name == "gap" else record[name]


def rows_of(records: Records, data: str) -> list[Row]:
    """Return the methods that have run on a data set, in the order of the table."""
    found = {
        method: [record for job, record in records.items() if job[:2] == (data, method)]
        for method in methods(data)
    }
    return [Row(method, each) for method, each in found.items() if each]


def page(records: Records) -> str:
    """Return docs/results.md."""
    measured = [data for data in DATA if rows_of(records, data)]
    return "\n\n".join([_introduction(records), *(_section(records, data) for data in measured)])


def summary(records: Records) -> str:
    """Return the table of the README: a line for each data set."""
    head = ["data", "published", "scikit-learn's best", "none", "best alone", "cocktail", "tuned"]
    head += map(_title, RECIPES)
    lines = []
    for data in DATA:
        rows = {row.method: row for row in rows_of(records, data)}
        if not {"none", "cocktail"} <= rows.keys():
            continue
        published = PUBLISHED.get(data, {})
        lines.append(
            [
                f"{data} ({rows['none'].records[0]['metric']})",
                "; ".join(f"{name} {score:.3f}" for name, score in published.items()),
                _best(rows, baselines(data)),
                rows["none"].cell("test"),
                _best(rows, ALONE),
                *(
                    rows[name].cell("test") if name in rows else ""
                    for name in ("cocktail", "tuned", *RECIPES)
                ),
            ]
        )
    return markdown_table(head, lines)


def _best(rows: Mapping[str, Row], names) -> str:
    found = [rows[name] for name in names if name in rows]
    if not found:
        return ""
    best = max(found, key=lambda row: row.mean("test"))
    return f"{best.cell('test')} ({best.method.replace('_', ' ')})"


def _introduction(records: Records) -> str:
    seeds = sorted({len(row.records) for data in DATA for row in rows_of(records, data)})
    number = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else counted(seeds[0], "seed")
    alone = ", ".join(
        f"`{name}={getattr(regularization_of('mnist1d', name), name):.2g}`"
        if name != "augmentation"
        else f"`augmentation={zoo.Regularization.fields()[name].middle!r}`"
        for name in ALONE
    )
    return f"""# The results table
`make results` trains what is missing and writes this page and the table of the README. No figure
is typed by hand, but for those that are called published. Each row is the mean ± standard error of
{number}.

- **none** and the methods are `{MODEL}` with all defaults: `zoo.load_data(name, seed=seed)`,
  `zoo.create_model("{MODEL}", data=data, regularization=..., seed=seed)` and
  `zoo.train(model, data, seed=seed)`.
- Each **method alone** has the middle of its search range, not tuned: {alone}.
- **cocktail** is the tier `medium`, which depends on the data.
- **tuned** is the choice of `tuning.tune("{MODEL}", data, max_trials={TRIALS})`, with three
  finalists on two more seeds, on the training and validation part of seed 0. It is trained with
  each seed. The series of the UCR archive are judged by {FOLDS} folds. These searches judged
  classifiers by the data loss, not yet by that after temperature scaling.
- **summaries** is `mlp` under the tier `medium`, of series with their spectrum and their quantiles:
  `zoo.load_data(name, standardize="summaries")`.
- **MiniRocket** is a linear model of MiniRocket's features under the tier `medium`:
  `zoo.load_data(name, standardize="minirocket")`, and `mlp` with `units=()`.
- **scikit-learn's baselines** have their defaults and all rows but the test part; the penalties of
  the linear models are chosen by cross-validation. Series and images are flattened.
- **the paper's** models are trained as in the notebook of the paper.

The **gap** is the score of the training part less that of the test part. The **calibration error**
is the expected one, of 15 bins. **Attacked** is the accuracy on the first {ATTACKED} test rows
under `zoo.robustness.auto_attack` in the l-infinity ball of {EPSILON} standard deviations of the
data. The **seconds** are of one thread on a busy machine, and compare methods on one data set only.
With 36 to 200 training rows and a test part of 100 to 1,029, differences of a few standard errors
mean little."""


def _section(records: Records, data: str) -> str:
    rows = rows_of(records, data)
    metric = rows[0].records[0]["metric"]
    head = ["", metric, "gap", "calibration error", "attacked", "seconds"]
    published = [
        [f"*published: {name}*", f"{score:.3f}", "", "", "", ""]
        for name, score in PUBLISHED.get(data, {}).items()
    ]
    lines = [
        [
            _title(row.method),
            *(row.cell(name) for name in ("test", "gap", "calibration_error", "robust")),
            f"{row.mean('seconds'):.1f}",
        ]
        for row in rows
    ]
    parts = [f"## {data}", markdown_table(head, [*published, *lines])]
    if data in PUBLISHED:
        parts.append(f"Published: {_OF_SERIES if data in _SERIES else _OF_MNIST1D}.")
    if (choices := _choices()) and data in choices:
        on = ", ".join(
            f"{name}={value!r}" for name, value in choices[data]["regularization"].items()
        )
        seconds = choices[data].get("seconds")  # missing if the search was paused
        parts.append(
            f"Tuned: `Regularization({on})`" + (f", found in {seconds} s." if seconds else ".")
        )
    return "\n\n".join(parts)


def _choices() -> dict:
    return json.loads(TUNED.read_text()) if TUNED.exists() else {}


def _title(method: str) -> str:
    if method in RECIPES:
        return {"mlp_summaries": "summaries", "minirocket": "MiniRocket"}[method]
    if method in ALONE:
        return f"`{method}`"
    return f"**{method}**" if method in (*TIERS, "tuned") else method
