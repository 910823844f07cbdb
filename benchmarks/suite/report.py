"""The tables of docs/suite.md, from the records of the runs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean

from occam.core.statistics import standard_error

from ..pages import markdown_table
from ..records import Record
from .runs import Job
from .sets import FIVE, MODELS, SETS, SOURCES, Half, PublicSet, halves

TIERS = ("none", "light", "medium", "strong", "auto")
WORSE = "▼"

Scores = Mapping[str, Mapping[int, float]]  # the test score by tier and seed


def report(records: Mapping[Job, Record]) -> str:
    """Return the table of the data sets, and for each half the scores and what they amount to."""
    parts, scores = [_table_of_sets()], scores_of(records)
    for half in ("development", "judging"):
        parts += [f"### The {half} half", *_half(half, scores)]
    parts += ["### The mean of five series", *_five(scores)]
    return "\n\n".join(parts)


def scores_of(records: Mapping[Job, Record]) -> Mapping[tuple[str, str], Scores]:
    """Return the test scores by data set and model."""
    found: dict[tuple[str, str], dict[str, dict[int, float]]] = {}
    for job, record in records.items():
        tiers = found.setdefault((job.set, job.model), {})
        tiers.setdefault(job.tier, {})[job.seed] = record["test"]
    return found


def difference(scores: Scores, tier: str) -> tuple[float, float] | None:
    """Return the mean difference of a tier to none and its standard error, paired by seed.

    `None` without a seed that both have. The error of a single seed is not known: it is NaN.
    """
    none, other = scores.get("none", {}), scores.get(tier, {})
    differences = [other[seed] - none[seed] for seed in sorted(none.keys() & other.keys())]
    if not differences:
        return None
    error = standard_error(differences) if len(differences) > 1 else math.nan
    return mean(differences), error


def is_worse(scores: Scores, tier: str) -> bool:
    """Return whether a tier is worse than none by more than two standard errors."""
    found = difference(scores, tier)
    return found is not None and found[0] < -2 * found[1]


def ranks(scores: Scores, tiers: Sequence[str]) -> list[float] | None:
    """Return the rank of each tier by its mean score: 1 is the best, and equal ones share theirs.

    The means are over the seeds that all tiers have; `None` if there are none.
    """
    common = set.intersection(*(set(scores.get(tier, {})) for tier in tiers))
    if not common:
        return None
    means = [mean(scores[tier][seed] for seed in sorted(common)) for tier in tiers]
    return [
        1 + sum(other > own for other in means) + (sum(other == own for other in means) - 1) / 2
        for own in means
    ]


def _half(half: Half, scores: Mapping[tuple[str, str], Scores]) -> Iterable[str]:
    pairs = [
        (each, model, scores[each.name, model])
        for each in SETS
        for model in each.models
        if halves()[each.name] == half and (each.name, model) in scores
    ]
    if not pairs:
        yield "Not measured yet."
        return
    tiers = [tier for tier in TIERS if any(tier in found for *_, found in pairs)]
    kinds = [kind for kind in MODELS if any(each.kind == kind for each, *_ in pairs)]
    seeds = {len(by_seed) for *_, found in pairs for by_seed in found.values()}
    number = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{min(seeds)}"
    others = [tier for tier in tiers if tier != "none"]
    yield (
        f"Test scores (accuracy, or R2 of regressions), mean ± standard error of {number} seed"
        f"{'s' * (seeds != {1})}. {WORSE}: worse than none by more than two standard errors of the "
        "paired difference."
    )
    yield markdown_table(
        ["data (rows)", "model", "metric", "published", *tiers],
        [
            [f"{each.name} ({each.rows:,})", f"`{model}`", each.metric, _published(each, model)]
            + [_score(found, tier) for tier in tiers]
            for each, model, found in pairs
        ],
    )
    yield "Difference to none, paired by seed:"
    yield markdown_table(
        ["data", "model", *others],
        [
            [each.name, f"`{model}`", *(_difference(found, tier) for tier in others)]
            for each, model, found in pairs
        ],
    )
    yield (
        "Mean rank of each tier (1 is the best), and on how many pairs of data and model it is "
        f"{WORSE} worse and ▲ better than none by more than two standard errors:"
    )
    yield markdown_table(
        ["kind", "pairs", *tiers],
        [
            _summary(kind, [found for each, _, found in pairs if kind in ("all", each.kind)], tiers)
            for kind in (*kinds, "all")
        ],
    )


def _five(scores: Mapping[tuple[str, str], Scores]) -> Iterable[str]:
    """Yield the table of the mean accuracies on `FIVE`, for the tiers that ran on all of them."""
    yield (
        f"The mean test accuracy on {', '.join(FIVE)}, of the means over the seeds. Published: "
        "MLP 0.757, FCN 0.937, ResNet 0.937 (Ismail Fawaz et al. 2019), "
        "InceptionTime 0.932, HIVE-COTE 2 0.943. Three of the five are in the development half."
    )
    rows = []
    for model in MODELS["series"]:
        found = [scores.get((name, model), {}) for name in FIVE]
        cells = [
            f"{mean(mean(each[tier].values()) for each in found):.3f}"
            if all(tier in each for each in found)
            else ""
            for tier in TIERS
        ]
        rows.append([f"`{model}`", *cells])
    yield markdown_table(["model", *TIERS], rows)


def _score(scores: Scores, tier: str) -> str:
    values = [*scores.get(tier, {}).values()]
    if not values:
        return ""
    error = f" ± {standard_error(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):.3f}{error}{f' {WORSE}' * is_worse(scores, tier)}"


def _difference(scores: Scores, tier: str) -> str:
    found = difference(scores, tier)
    if found is None:
        return ""
    error = "" if math.isnan(found[1]) else f" ± {found[1]:.3f}"
    return f"{found[0]:+.3f}{error}{f' {WORSE}' * is_worse(scores, tier)}"


def _summary(kind: str, pairs: Sequence[Scores], tiers: Sequence[str]) -> list[str]:
    found = [rank for scores in pairs if (rank := ranks(scores, tiers)) is not None]
    cells = []
    for number, tier in enumerate(tiers):
        rank = f"{mean(rank[number] for rank in found):.2f}" if found else ""
        if tier != "none" and rank:
            worse = sum(is_worse(scores, tier) for scores in pairs)
            better = sum(_is_better(scores, tier) for scores in pairs)
            rank += f" ({WORSE} {worse}, ▲ {better})"
        cells.append(rank)
    return [kind, str(len(found)), *cells]


def _is_better(scores: Scores, tier: str) -> bool:
    swapped = {"none": scores.get(tier, {}), tier: scores.get("none", {})}
    return is_worse(swapped, tier)


def _published(each: PublicSet, model: str) -> str:
    score = each.published.get(model)
    return "" if score is None else f"{score:.3f}"


def _table_of_sets() -> str:
    half = halves()
    rows = [
        [
            *(each.name, each.kind, each.task, f"{each.rows:,}", half[each.name]),
            *(f"{each.package} ({each.package_license})", each.data_license),
        ]
        for each in SETS
    ]
    head = ["data", "kind", "task", "rows", "half", "package (its license)", "license of the data"]
    cited = {key: ", ".join(each.name for each in SETS if each.source == key) for key in SOURCES}
    published = "; ".join(f"{names}: {SOURCES[key]}" for key, names in cited.items())
    return f"{markdown_table(head, rows)}\n\nPublished scores: {published}."
