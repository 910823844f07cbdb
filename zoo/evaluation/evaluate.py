"""`evaluate`: judge a trained model on a part of its data."""

import json
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from scipy.special import logit, softmax

from ...core.calibration import reliability_bins
from ...core.checks import check_integer, check_number, check_one_of, check_type, message
from ...exports.heads.regression import conformal_rank
from ..data import Data
from ..data.folds import parse_folds
from ..data.source import data_errors
from ..data.split import ArraySplit
from ..tasks import Classification, Given, Multilabel, Regression, Task
from ..training import Run, engine
from ..training.run import RunDirectory
from ..training.work_directory import differences
from .answers import Answers
from .bootstrap import Interval, bootstrap_replicates
from .calibration import BINS, Calibration, brier_score, calibration_figures
from .conformal import Conformal, judge_intervals, judge_sets
from .evaluation import Evaluation, Uncertainty
from .inference import check_inference
from .monte_carlo import MonteCarlo, mc_predict
from .outliers import OutlierDetection, detect_outliers, energy
from .selective import RiskCoverage, risk_coverage
from .weights import weight_statistics

_CHECKED_ROWS, _MIN_CHECKED = 32, 4  # of the inference check
_CALIBRATION = ("error", "adaptive_error", "brier")


def evaluate(
    model: keras.Model | Run,
    data: Data,
    *,
    part: str = "test",
    coverage: float = 0.9,
    samples: int = 0,
    outliers: Any = None,
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
    for them (cross-conformal, whose guarantee is weaker: at least 1 - 2 (1 - coverage) for the
    related CV+); without, the section is left out.

    Args:
        model: A finished `zoo.Run`, a model of the zoo, or any Keras model with one output
            `(n, units)`. It takes features after `data.preprocessing`.
        data: The data, from `zoo.load_data`; that of the run for a run.
        part: The part to judge: "test", "validation" or "train".
        coverage: The probability with which conformal sets and intervals cover the target.
        samples: The number of passes of `mc_predict`; 0 for none.
        outliers: Raw features of samples that are none of the data, as `data.raw` has them, to see
            whether a classifier is less sure of them.
        bootstrap: The number of bootstrap samples; 0 for figures without intervals.
        seed: The seed of the bootstrap, of the adaptive sets and of the passes.

    Raises:
        TypeError: If `model` or `data` is something else.
        ValueError: If an argument is out of range, the data is not that of the run or has no such
            part or task, the outputs of the model do not suit the task, or with `samples`, no layer
            of the model is random.

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

    References: CV+: Barber et al., Predictive Inference with the Jackknife+, 2021,
    https://arxiv.org/abs/1905.02928. The functions of `zoo.evaluation` have the others.
    """
    check_type("model", model, (keras.Model, Run), "a keras.Model or a finished occam.zoo.Run")
    check_type("data", data, Data, Data.EXPECTED)
    check_number("coverage", coverage, "(0, 1)")
    check_integer("samples", samples, 0)
    check_integer("bootstrap", bootstrap, 0)
    check_integer("seed", seed, 0)
    if outliers is not None and not isinstance(data.task, Classification):
        expected = f"None for the task {data.task.kind!r}, only for classification"
        raise ValueError(message("outliers", outliers, expected))
    subject = _Subject.of(model, data)
    check_one_of("part", part, tuple(subject.data.raw_splits))
    task, answers, left_out = data.task, subject.answers, {}
    parts = {name: subject.read(name) for name in engine.PARTS if name in subject.data.raw_splits}
    y, z = parts[part]
    scores, gap, own = _scores(parts, part, task, answers, bootstrap, seed)
    rows = {name: len(targets) for name, (targets, _) in parts.items()}
    x = subject.inputs(part)
    passes = (
        mc_predict(subject.model, x, samples=samples, seed=seed, task=task) if samples else None
    )
    conformal, calibration, inference, detected = {}, None, None, {}
    try:
        conformal = _conformal(subject, parts, part, coverage, seed)
    except _LeftOut as reason:
        left_out["conformal"] = str(reason)
    if own:
        counts, frequency, probability = reliability_bins(*_events(y, z, answers), BINS)
        bins: Any = {"counts": counts, "frequency": frequency, "probability": probability}
        calibration = Calibration(**own, **bins)
    else:
        left_out["calibration"] = "a regression has no probabilities"
    if len(y) >= _MIN_CHECKED:
        first = keras.tree.map_structure(lambda array: array[:_CHECKED_ROWS], x)
        inference = check_inference(subject.model, first)
    else:
        left_out["inference"] = f"the part has fewer than {_MIN_CHECKED} rows"
    if outliers is not None:
        detected, rows["outliers"] = _outliers(subject, outliers, z, passes, bootstrap, seed)
        if "energy" not in detected:
            left_out["energy"] = "the model returns probabilities, whose logits are not known"
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
        risk_coverage=_curves(y, z, passes) if isinstance(task, Classification) else {},
        uncertainty=None if passes is None else _uncertainty(passes, y, task),
        outliers=detected,
        weights=tuple(weight_statistics(subject.model)),
        inference=inference,
        left_out=left_out,
    )


class _LeftOut(Exception):
    """The reason why a section is missing."""


@dataclass(frozen=True)
class _Subject:
    """A model, the data that it was trained on, and the run that trained it, if there is one.

    Args:
        data: The data; for a run that was refit, its training part has the validation rows.
        given: The data as it was passed.
    """

    name: str
    model: keras.Model
    data: Data
    given: Data
    run: Run | None
    answers: Answers

    @classmethod
    def of(cls, model: keras.Model | Run, data: Data) -> "_Subject":
        if isinstance(data.task, Given):
            raise ValueError(
                "`data` must have a task: zoo.load_data(..., task='classification'), 'multilabel' "
                "or 'regression'. Received: the task 'given', whose scores are not known"
            )
        rows, run, name = data, None, getattr(model, "name", "model")
        if isinstance(model, Run):
            run, name = model, model.directory.name if model.directory else "run"
            ours = json.loads(json.dumps(dict(data.arguments)))
            if different := [*differences("data", run.config["data"]["arguments"], ours)]:
                raise ValueError(
                    f"`data` must be that of the run, for other data pass `run.load_model()`. "
                    f"Received: other arguments ({'; '.join(different)})"
                )
            rows = data.without_validation() if run.result.get("refit") else data
            model = run.load_model()
        with data_errors():
            x, *_ = next(iter(engine.batches_of(rows, "train").as_numpy_iterator()))
        answers = Answers(model, model.predict_on_batch(x), data.task)
        return cls(name, model, rows, data, run, answers)

    def read(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets of a part, and the logits or values of the model for it."""
        with data_errors():
            y, outputs, _ = engine.rows_of(self.model, engine.batches_of(self.data, part))
        return y, self.answers.logits(outputs)

    def inputs(self, part: str) -> Any:
        """Return the inputs of the model for a part."""
        with data_errors():
            batches = engine.batches_of(self.data, part).as_numpy_iterator()
            return keras.tree.map_structure(
                lambda *each: np.concatenate(each), *(batch[0] for batch in batches)
            )

    def out_of_fold(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets and the out-of-fold logits or values of the first repeat."""
        run = self.run
        if run is None or run.directory is None or run.result["validation_by"] == "part":
            raise _LeftOut(
                "there are no rows that the model has not trained on but those of the test part, "
                "and no out-of-fold outputs"
            )
        reruns = len(run.result["reruns"])
        directory = run.directory / f"rerun-{reruns}" if reruns else run.directory
        y = np.asarray(self.data.raw_splits["train"].targets)
        folds, _ = parse_folds(self.given.cv)
        outputs: Any = None
        for number, mask in enumerate(self.given.fold_masks()[:folds]):
            file = RunDirectory(directory / "folds" / str(number)).outputs
            values = np.load(file)["outputs"][run.result["best_epoch"] - 1]
            outputs = np.empty((len(y), *values.shape[1:])) if outputs is None else outputs
            outputs[mask] = values
        return y, self.answers.logits(outputs)


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
        value = sign * (values[part][name] - values["train"][name])
        gap[name] = Interval.of(value, drawn[0] - drawn[1] if drawn else None)
    return scores, gap, own


def _events(y: np.ndarray, z: np.ndarray, answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Return the probability of each event of `Calibration`, and whether it happened."""
    p = answers.probabilities(z)
    if y.ndim == 1:
        return p.max(axis=1), p.argmax(axis=1) == y
    return p.ravel(), y.ravel() > 0.5


def _conformal(
    subject: _Subject, parts: dict[str, Any], part: str, coverage: float, seed: int
) -> dict[str, Conformal]:
    task, source = subject.given.task, "validation"
    if isinstance(task, Multilabel):
        raise _LeftOut("there are no sets for independent labels")
    if "validation" in parts:
        calibration = parts["validation"]
    else:
        source, calibration = "folds", subject.out_of_fold()
    if part != "test":
        raise _LeftOut(f"the {part} part is not new to the model or the calibration")
    rows = len(calibration[0])
    if conformal_rank(rows, coverage) > rows:
        raise _LeftOut(f"{rows} calibration rows are too few for a coverage of {coverage:g}")
    known, new = [(z, y) for y, z in (calibration, parts[part])]
    how: Any = {"coverage": coverage, "calibrated_on": source}
    if isinstance(task, Regression):
        return {"absolute_residual": judge_intervals(known, new, task.names, **how)}
    known, new = [(subject.answers.probabilities(z), y) for z, y in (known, new)]
    return {
        method: judge_sets(known, new, task.names, method=method, seed=seed, **how)
        for method in ("lac", "aps")
    }


def _curves(y: np.ndarray, z: np.ndarray, passes: MonteCarlo | None) -> dict[str, RiskCoverage]:
    p = softmax(z, axis=1)
    found = {"max_probability": risk_coverage(p.max(axis=1), p.argmax(axis=1) == y)}
    if passes is not None and passes.predictive_entropy is not None:
        right = passes.mean.argmax(axis=1) == y
        found["predictive_entropy"] = risk_coverage(-passes.predictive_entropy, right)
    return found


def _uncertainty(passes: MonteCarlo, y: np.ndarray, task: Task) -> Uncertainty:
    entropy, information = passes.predictive_entropy, passes.mutual_information
    outputs = passes.mean.astype("float64")
    if isinstance(task, Classification):
        outputs = np.log(np.maximum(outputs, np.finfo("float32").tiny))
    elif isinstance(task, Multilabel):
        outputs = logit(outputs)
    return Uncertainty(
        samples=len(passes.outputs),
        scores=task.scores(y, outputs),
        entropy=None if entropy is None else float(entropy.mean()),
        mutual_information=None if information is None else float(information.mean()),
        standard_deviation=float(passes.standard_deviation.mean()),
    )


def _outliers(
    subject: _Subject,
    outliers: Any,
    z: np.ndarray,
    passes: MonteCarlo | None,
    resamples: int,
    seed: int,
) -> tuple[dict[str, OutlierDetection], int]:
    """Return how each score tells the outliers from the rows with logits `z`, and their number."""
    train = subject.given.raw_splits["train"]
    raw = keras.tree.map_structure(np.asarray, outliers)
    shape = keras.tree.map_structure(lambda array: array.shape[1:], raw)
    if shape != train.input_shape:
        expected = f"raw features like those of the data, rows of shape {train.input_shape}"
        raise ValueError(message("outliers", shape, expected))
    n = len(keras.tree.flatten(raw)[0])
    split = ArraySplit(raw, np.zeros(n)).standardized(subject.given.preprocessing)
    _, outputs, _ = engine.rows_of(subject.model, split.batches(subject.given.batch_size))
    logits = [z, subject.answers.logits(outputs)]
    scores = {"max_probability": [softmax(each, axis=1).max(axis=1) for each in logits]}
    if subject.answers.from_logits:
        scores["energy"] = [energy(each) for each in logits]
    if passes is not None:
        how: Any = {"samples": len(passes.outputs), "seed": seed, "task": subject.given.task}
        pair = (passes, mc_predict(subject.model, split.features, **how))
        scores["predictive_entropy"] = [-np.asarray(each.predictive_entropy) for each in pair]
        scores["mutual_information"] = [-np.asarray(each.mutual_information) for each in pair]
    found = {
        name: detect_outliers(*pair, resamples=resamples, seed=seed)
        for name, pair in scores.items()
    }
    return found, n
