"""Gates on the latency of a version and of its signatures."""

import functools
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ..servable import SIGNATURE
from .gate import ExportCandidate, GateResult, failed, gate, passed
from .sample import sample

_LATENCY_ROUNDS, _COST_ROUNDS = 30, 10


@gate("saved_model")
def latency(candidate: ExportCandidate) -> GateResult | None:
    """Fail if one row takes more than `latency_ratio` times as long as with `baseline_model`."""
    checks = candidate.checks
    if checks.baseline_model is None:
        return None
    row = sample(candidate.predictor, SIGNATURE, 1)
    tensors = [tf.constant(array) for array in row.values()]
    baseline: Any = tf.saved_model.load(str(checks.baseline_model))
    models = (candidate.predictor.runtime.model, baseline)
    ours, theirs = medians([_request(model, tensors) for model in models], _LATENCY_ROUNDS)
    ratio = ours / theirs
    figures = {"seconds": ours, "baseline_seconds": theirs, "ratio": ratio}
    if ratio <= checks.latency_ratio:
        return passed(f"{ratio:.2f} times the latency of the baseline model", figures)
    limit = f"at most {checks.latency_ratio:g} times that of the baseline model"
    return failed(f"The latency must be {limit}. Received: {ratio:.2f} times", figures)


@gate("saved_model")
def cost(candidate: ExportCandidate) -> GateResult | None:
    """Record the time for one row of each signature, relative to `serving_default`."""
    predictor = candidate.predictor
    if len(predictor.signatures) == 1:
        return None
    rows = {name: sample(predictor, name, 1) for name in predictor.signatures}
    requests = [functools.partial(predictor.call, name, **row) for name, row in rows.items()]
    seconds = dict(zip(rows, medians(requests, _COST_ROUNDS), strict=True))
    base = seconds.pop(SIGNATURE)
    ratios = {name: taken / base for name, taken in seconds.items()}
    found = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    return passed(
        f"one row, as a multiple of serving_default's time: {found}",
        {"serving_default_seconds": base, **ratios},
    )


def medians(requests: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the median seconds of each request.

    The requests alternate, so that a busy machine slows them all down alike. Each runs once before,
    since first calls are slow.
    """
    seconds: list[list[float]] = [[] for _ in requests]
    for request in requests:
        request()
    for _ in range(rounds):
        for request, taken in zip(requests, seconds, strict=True):
            start = time.perf_counter()
            request()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


def _request(model: Any, tensors: list[tf.Tensor]) -> Callable[[], Any]:
    """Pass tensors in the order of the input names, which differ between SavedModels."""
    function = model.signatures[SIGNATURE]
    names = sorted(function.structured_input_signature[1])
    named = dict(zip(names, tensors, strict=True))
    return lambda: function(**named)
