"""`evaluate`: judge a trained model on a part of its data."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from scipy.special import softmax

from ...core.arrays import count_rows
from ...core.calibration import reliability_bins
from ...core.checks import (
    check_bool,
    check_integer,
    check_number,
    check_one_of,
    check_type,
    message,
)
from ...exports.heads.conformal import conformal_rank
from ..data import Data
from ..data.split import ArraySplit
from ..tasks import Classification, Multilabel, Regression, Task
from ..training import Run, engine
from ..training.evaluated import weights_digest
from .answers import Answers, PredictiveDistribution
from .attacked import Robustness, judge_robustness
from .bootstrap import Interval, bootstrap_replicates
from .calibration import BINS, Calibration, brier_score, calibration_figures
from .conformal import Conformal, judge_intervals, judge_sets
from .evaluation import Evaluation, Uncertainty
from .flatness import judge_flatness
from .inference import check_inference
from .label_sets import judge_label_sets
from .monte_carlo import is_stochastic
from .outliers import OutlierDetection, detect_outliers, energy
from .selective import RiskCoverage, risk_coverage
from .subject import LeftOut, Subject
from .weights import weight_statistics

_CHECKED_ROWS, _MIN_CHECKED = 32, 4  # of the inference check
_DRAWN_ROWS = 1000
_CALIBRATION = ("error", "adaptive_error", "brier")


def evaluate(
    model: keras.Model | Run | Sequence[keras.Model | Run],
    data: Data,
    *,
    part: str = "test",
    coverage: float = 0.9,
    samples: int = 0,
    outliers: Any = None,
    attack: float | None = None,
    flatness: bool = False,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Judge a trained model on a part of its data that it has not seen.

    The evaluation has the scores of the task on each part with bootstrap intervals, the
    generalization gap, the calibration, the coverage of conformal sets or intervals, the
    risk-coverage curve, the weights, and a check that predictions depend on their inputs alone.
    What does not exist for the task or the data is in `left_out`, with the reason. Rows count
    equally, without sample or class weights, as in the scores of `Run.result`.

    Conformal prediction is calibrated on the validation part. If early stopping or a search chose
    the model by it, the coverage is slightly optimistic. A run that was refit has trained on these
    rows: with folds (`validation="cv:5x2"`), the out-of-fold outputs of the first repeat stand in
    for them. The coverage is then approximate, without a guarantee: the model that is judged is
    not one of those that were calibrated, unlike in CV+. Without folds, the section is left out.

    Args:
        model: A finished `zoo.Run`, a model of the zoo, or any Keras model with one output
            `(n, units)`. It takes features after `data.preprocessing`. Or a list of these, whose
            mean is judged as that of a deep ensemble; see `ensemble_predict`.
        data: The data, from `zoo.load_data`; that of the run for a run.
        part: The part to judge: "test", "validation" or "train".
        coverage: The probability with which conformal sets and intervals cover the target.
        samples: The number of passes of `mc_predict`, at least 2; 0 for none, and for an ensemble.
        outliers: Raw features of out-of-distribution samples, as `data.raw` has them, to see
            whether a classifier is less sure of them.
        attack: The largest change of a feature by an adversary, in the standard deviations of
            `data.preprocessing`, such as 0.1. A classifier is then attacked by PGD and AutoAttack
            on 200 random rows, and judged under common corruptions; this may take minutes.
        flatness: Whether to measure the sharpness of the minimum, on the first 500 rows of the
            training part. It takes a second for an `mlp`, and needs a model with a compiled loss.
        bootstrap: The number of bootstrap samples, at least 20; 0 for figures without intervals.
        seed: The seed of the bootstrap, of the adaptive sets and of the passes.

    Raises:
        TypeError: If `model` or `data` is something else.
        ValueError: If an argument is out of range, the data is not that of the run or has no such
            part or task, or the outputs of the model do not suit the task.

    Example:

    >>> from occam import zoo
    >>> data = zoo.load_data("digits")
    >>> model = zoo.create_model("mlp", data=data, regularization="none", seed=0, units=(16,))
    >>> run = zoo.train(model, data, steps=300, verbose=0)
    >>> found = zoo.evaluate(model, data, bootstrap=100)
    >>> interval = found.scores["test"]["accuracy"]
    >>> interval.low < interval.value < interval.high
    True
    >>> [*found.conformal], found.inference.passed, found.left_out
    (['lac', 'aps'], True, {})

    References: the guarantees of folds: Barber et al., Predictive Inference with the Jackknife+,
    2021, https://arxiv.org/abs/1905.02928. The functions of `zoo.evaluation` have the others.
    """
    check_type("data", data, Data, Data.EXPECTED)
    check_number("coverage", coverage, "(0, 1)")
    for name, value, least in (("samples", samples, 2), ("bootstrap", bootstrap, 20)):
        check_integer(name, value, 0)
        if 0 < value < least:
            raise ValueError(message(name, value, f"0 or an integer >= {least}"))
    check_integer("seed", seed, 0)
    check_number("attack", attack, "(0, inf)", optional=True)
    check_bool("flatness", flatness)
    if outliers is not None and not isinstance(data.task, Classification):
        expected = f"None for the task {data.task.kind!r}, only for classification"
        raise ValueError(message("outliers", outliers, expected))
    subject = Subject.of(model, data)
    if samples and subject.is_ensemble:
        raise ValueError(message("samples", samples, "0 for an ensemble"))
    check_one_of("part", part, tuple(subject.data.raw_splits))
    task, answers, left_out = data.task, subject.answers[0], {}
    if samples and not is_stochastic(subject.models[0]):
        samples, left_out["uncertainty"] = 0, "no layer of the model is random in training"
    parts = {name: subject.read(name) for name in engine.PARTS if name in subject.data.raw_splits}
    y, z = parts[part]
    scores, gap, own = _scores(parts, part, task, answers, bootstrap, seed)
    rows = {name: len(targets) for name, (targets, _) in parts.items()}
    whole = bool(samples) or subject.is_ensemble or attack is not None
    x, known = subject.inputs(part, None if whole else _CHECKED_ROWS)
    passes = subject.passes(x, samples, seed)
    conformal, calibration, inference, robustness, weights, detected = {}, None, None, None, [], {}
    try:
        conformal = _conformal(subject, parts, part, coverage, seed)
    except LeftOut as reason:
        left_out["conformal"] = str(reason)
    if own:
        counts, frequency, probability = reliability_bins(*_events(y, z, answers), BINS)
        bins: Any = {"counts": counts, "frequency": frequency, "probability": probability}
        calibration = Calibration(**own, **bins)
    else:
        left_out["calibration"] = "a regression has no probabilities"
    if not isinstance(task, Classification):
        left_out["selective prediction"] = "only classes have one confidence for each row"
    if subject.is_ensemble:
        left_out["weights"] = left_out["inference"] = "evaluate the members one by one"
    else:
        weights = weight_statistics(subject.models[0])
        if len(y) >= _MIN_CHECKED:
            first = keras.tree.map_structure(lambda array: array[:_CHECKED_ROWS], x)
            inference = check_inference(subject.models[0], first)
        else:
            left_out["inference"] = f"the part has fewer than {_MIN_CHECKED} rows"
    if attack is not None:
        try:
            robustness = _robustness(subject, x, known, attack, bootstrap, seed)
        except LeftOut as reason:
            left_out["robustness"] = str(reason)
    flat = None
    if flatness:
        try:
            flat = judge_flatness(subject, seed)
        except LeftOut as reason:
            left_out["flatness"] = str(reason)
    if outliers is not None:
        detected, rows["outliers"] = _outliers(subject, outliers, z, passes, bootstrap, seed)
        if "energy" not in detected:
            left_out["energy"] = "the logits behind probabilities are not known"
    return Evaluation(
        name=subject.name,
        data=data.name,
        task=task.kind,
        part=part,
        rows=rows,
        scores=scores,
        gap=gap,
        calibration=calibration,
        conformal=conformal,
        risk_coverage=_curves((y, z), (known, passes)) if isinstance(task, Classification) else {},
        uncertainty=None if passes is None else _uncertainty(subject, passes, known),
        outliers=detected,
        robustness=robustness,
        flatness=flat,
        weights=tuple(weights),
        inference=inference,
        predictions=_predictions(task, y, z) if isinstance(task, Regression) else {},
        left_out=left_out,
        weights_digest=None if subject.is_ensemble else weights_digest(subject.models[0]),
    )


def _scores(
    parts: dict[str, tuple[np.ndarray, np.ndarray]],
    part: str,
    task: Task,
    answers: Answers,
    resamples: int,
    seed: int,
) -> tuple[dict[str, dict[str, Interval]], dict[str, Interval], dict[str, Interval]]:
    """Return the scores of all parts, their gap, and the calibration figures of one part.

    The parts are resampled independently of each other, so the replicates of the gap are the
    differences of theirs.
    """
    values, replicates = {}, {}
    for number, (name, (y, z)) in enumerate(parts.items()):

        def figures(rows, y=y, z=z, judged=name == part):
            found = task.scores(y[rows], z[rows])
            if judged and not isinstance(task, Regression):
                p = answers.probabilities(z[rows])
                found |= calibration_figures(*_events(y[rows], z[rows], answers))
                found["brier"] = brier_score(p, y[rows])
            return found

        values[name] = figures(slice(None))
        replicates[name] = bootstrap_replicates(figures, len(y), resamples, [seed, number])
    scores = {
        name: {n: Interval.of(v, replicates[name].get(n)) for n, v in found.items()}
        for name, found in values.items()
    }
    own = {n: scores[part].pop(n) for n in _CALIBRATION if n in scores[part]}
    gap = {}
    for name in scores["train"] if part != "train" else ():
        sign = -1 if name in task.scores_up else 1
        drawn = [sign * replicates[each][name] for each in (part, "train") if resamples]
        value = sign * (values[part][name] - values["train"][name]) + 0.0  # not -0
        gap[name] = Interval.of(value, drawn[0] - drawn[1] if drawn else None)
    return scores, gap, own


def _events(y: np.ndarray, z: np.ndarray, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each event of `Calibration`, and whether it happened."""
    p = answers.probabilities(z)
    if y.ndim == 1:
        return p.max(axis=1), p.argmax(axis=1) == y
    return p.ravel(), y.ravel() > 0.5


def _conformal(
    subject: Subject, parts: dict[str, Any], part: str, coverage: float, seed: int
) -> dict[str, Conformal]:
    task, source = subject.given.task, "validation"
    if "validation" in parts:
        calibration = parts["validation"]
    else:
        source, calibration = "folds", subject.out_of_fold()
    if part != "test":
        raise LeftOut(f"the {part} part is not new to the model or the calibration")
    rows = len(calibration[0])
    if conformal_rank(rows, coverage) > rows:
        raise LeftOut(f"{rows} calibration rows are too few for a coverage of {coverage:g}")
    known, new = [(z, y) for y, z in (calibration, parts[part])]
    how: Any = {"coverage": coverage, "calibrated_on": source}
    if isinstance(task, Regression):
        return {"absolute_residual": judge_intervals(known, new, task.names, **how)}
    known, new = [(subject.answers[0].probabilities(z), y) for z, y in (known, new)]
    if isinstance(task, Multilabel):
        return {"crc": judge_label_sets(known, new, task.names, **how)}
    return {
        method: judge_sets(known, new, task.names, method=method, seed=seed, **how)
        for method in ("lac", "aps")
    }


def _robustness(
    subject: Subject, x: Any, y: np.ndarray, epsilon: float, resamples: int, seed: int
) -> Robustness:
    data = subject.given
    if not isinstance(data.task, Classification):
        raise LeftOut("attacks are for classifications")
    if subject.is_ensemble:
        raise LeftOut("evaluate the members one by one")
    bounds = None
    if not isinstance(x, dict) and x.ndim == 4:  # pixels have a range, which a row may exceed
        low, high = data.standardized_range
        axes = (0, 1, 2)
        bounds = np.minimum(low, x.min(axis=axes)), np.maximum(high, x.max(axis=axes))
    options: Any = {"bounds": bounds, "resamples": resamples, "seed": seed}
    return judge_robustness(subject.models[0], x, y, epsilon, **options)


def _curves(
    predicted: tuple[np.ndarray, np.ndarray], uncertain: tuple[np.ndarray, Any]
) -> dict[str, RiskCoverage]:
    """Return the curves for targets with logits, and for targets with a distribution, if any."""
    y, z = predicted
    p = softmax(z, axis=1)
    found = {"max_probability": risk_coverage(p.max(axis=1), p.argmax(axis=1) == y)}
    y, passes = uncertain
    if passes is not None:
        right = passes.mean.argmax(axis=1) == y
        found["predictive_entropy"] = risk_coverage(-passes.predictive_entropy, right)
    return found


def _predictions(
    task: Regression, y: np.ndarray, z: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rows = slice(_DRAWN_ROWS)
    columns = zip(task.names, y[rows].T, z[rows].T, strict=True)
    return {name: (targets, values) for name, targets, values in columns}


def _uncertainty(subject: Subject, passes: PredictiveDistribution, y: np.ndarray) -> Uncertainty:
    entropy, information = passes.predictive_entropy, passes.mutual_information
    mean = subject.answers[0].inverse(passes.mean.astype("float64"))
    return Uncertainty(
        of="ensemble" if subject.is_ensemble else "Monte Carlo dropout",
        samples=len(passes.passes),
        scores=subject.given.task.scores(y, mean),
        entropy=None if entropy is None else float(entropy.mean()),
        mutual_information=None if information is None else float(information.mean()),
        standard_deviation=float(passes.standard_deviation.mean()),
    )


def _outliers(
    subject: Subject,
    outliers: Any,
    z: np.ndarray,
    passes: PredictiveDistribution | None,
    resamples: int,
    seed: int,
) -> tuple[dict[str, OutlierDetection], int]:
    """Return how each score tells the outliers from the rows with logits `z`, and their number."""
    train = subject.given.raw_splits["train"]
    raw = keras.tree.map_structure(np.asarray, outliers)
    shape = keras.tree.map_structure(lambda array: array.shape[1:], raw)
    n = count_rows(keras.tree.flatten(raw))
    if shape != train.input_shape or not n:
        expected = f"raw features like those of the data, rows of shape {train.input_shape}"
        shapes = keras.tree.map_structure(np.shape, raw)
        raise ValueError(f"`outliers` must be {expected}. Received: shape {shapes}")
    split = ArraySplit(raw, np.zeros(n)).standardized(subject.given.preprocessing)
    if not all(np.isfinite(leaf).all() for leaf in keras.tree.flatten(split.features)):
        raise ValueError("`outliers` must be finite numbers. Received: NaN or infinity")
    logits = [z, subject.predict(split.batches(subject.given.batch_size))[1]]
    scores = {"max_probability": [softmax(each, axis=1).max(axis=1) for each in logits]}
    if subject.answers[0].from_logits and not subject.is_ensemble:
        scores["energy"] = [energy(each) for each in logits]
    if passes is not None:
        pair: Any = (passes, subject.passes(split.features, len(passes.passes), seed))
        for name in ("predictive_entropy", "mutual_information"):
            scores[name] = [-getattr(each, name) for each in pair]
    found = {
        name: detect_outliers(*pair, resamples=resamples, seed=seed)
        for name, pair in scores.items()
    }
    return found, n
