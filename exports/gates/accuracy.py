"""Gates on data with targets: the metric, coverage, and agreement of approximate formats."""

from ..saved_model import open_version
from .gate import ExportCandidate, GateResult, failed, gate, passed

_OTHERS = {"model": "model", "live": "live version"}


@gate("saved_model", "exact_format", "approximate_format")
def metric(candidate: ExportCandidate) -> GateResult | None:
    """Fail a metric further below the model's or the live version's than `Checks` allows.

    The metric is the accuracy of a classifier, macro F1 and subset accuracy of a multilabel
    classifier, and R2 of a regression. Labels may be class ids or names; names also compare
    versions with another order of classes. A live version of another task, or with other labels or
    targets, is ignored.
    """
    checks, head = candidate.checks, candidate.predictor.head
    if checks.data is None:
        return None
    features, targets = checks.data[0], head.targets(checks.data[1])
    figures = head.scores(candidate.predictor.predict(features), targets)
    others = {}
    if candidate.expected is not None:
        others["model"] = head.scores(candidate.expected(features), targets)
    if candidate.live is not None:
        live = open_version(candidate.live)
        if head.compares_with(live.head):
            others["live"] = live.head.scores(live.predict(features), targets)
    drops = head.drops(checks)
    for other, scores in others.items():
        figures |= {f"{other}_{name}": scores[name] for name in drops}
        for name, drop in drops.items():
            least = scores[name] - drop
            if figures[name] < least:
                return failed(
                    f"{_words(name)} must be at least {least:.4f}, {drop:g} below the "
                    f"{_OTHERS[other]}. Received: {figures[name]:.4f}",
                    figures,
                )
    found = ", ".join(f"{_words(name)} {value:.4g}" for name, value in figures.items())
    return passed(f"{found} on {len(targets)} rows", figures)


@gate("saved_model", "exact_format", "approximate_format")
def coverage(candidate: ExportCandidate) -> GateResult | None:
    """Fail intervals and prediction sets that cover fewer targets than chance allows.

    Rows that are exchangeable with those of `Intervals` or `PredictionSets` fail in 1 of 10,000
    cases; see `least_covered`.
    """
    checks, head = candidate.checks, candidate.predictor.head
    if checks.data is None:
        return None
    targets = head.targets(checks.data[1])
    found = head.coverage_of(candidate.predictor.predict(checks.data[0]), targets)
    if found is None:
        return None
    shares, least = found
    name = min(shares, key=lambda name: shares[name])
    covered = round(shares[name] * len(targets))
    if covered < least:
        what = "prediction sets" if head.task == "classification" else "intervals"
        return failed(
            f"The {what} must cover at least {least} of {len(targets)} targets. Received: "
            f"{covered} of {name!r}",
            shares,
        )
    return passed(f"at least {shares[name]:.4f} of each target on {len(targets)} rows", shares)


@gate("approximate_format")
def agreement(candidate: ExportCandidate) -> GateResult | None:
    """Fail answers that differ too much from the model's, by `min_agreement`.

    For classes and labels, also fail a negative log-likelihood that rises by more than
    `max_nll_increase`, where probabilities below 1/512 count as 1/512.
    """
    checks, head = candidate.checks, candidate.predictor.head
    if candidate.expected is None or checks.data is None:
        return None
    features, targets = checks.data[0], head.targets(checks.data[1])
    answer = candidate.predictor.predict(features)
    found = head.agreement(answer, candidate.expected(features), targets, checks)
    if found.passed:
        return passed(f"{found.found} on {len(targets)} rows", found.figures)
    return failed(f"{found.required}. Received: {found.found}", found.figures)


def _words(name: str) -> str:
    return name.replace("_", " ")
