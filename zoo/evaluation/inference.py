"""`check_inference`: whether the predictions of a model depend on their inputs alone."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from ...core.arrays import count_rows
from ...core.checks import check_number
from ...core.text_table import table
from ...exports.gates.sample import tolerance as tolerance_of
from ..training.run import Run, model_of

_SMALL_BATCHES = (1, 3)


@dataclass(frozen=True)
class InferenceCheck:
    """One property of the predictions of a model.

    Args:
        name: "repeatable", "batch size", "order", "call" or "state".
        passed: Whether the model has it.
        difference: The largest difference between two outputs that should be equal, divided by the
            largest output (or by 1, if all are smaller); `None` for "state".
        detail: What was found, in words.
    """

    name: str
    passed: bool
    difference: float | None
    detail: str


@dataclass(frozen=True)
class InferenceReport:
    """The result of `check_inference`.

    Args:
        checks: The checks, in the order in which they were made.
        tolerance: The largest accepted difference.
        rows: The number of rows of the inputs.
    """

    checks: tuple[InferenceCheck, ...]
    tolerance: float
    rows: int

    @property
    def passed(self) -> bool:
        """Whether all checks passed."""
        return all(check.passed for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {"passed": self.passed, **asdict(self)}

    def __str__(self) -> str:
        rows = [(c.name, "passed" if c.passed else "FAILED", c.detail) for c in self.checks]
        return table(("inference", "", ""), rows)


def check_inference(
    model: keras.Model | Run, x: Any, *, tolerance: float | None = None
) -> InferenceReport:
    """Check that predictions depend on nothing but the inputs of their own row.

    ============  ==================================================================================
    check         property
    ============  ==================================================================================
    repeatable    three predictions of the same inputs agree
    batch size    a row gets the same prediction alone, among 3 rows and among all
    order         a row gets the same prediction in the reversed batch
    call          `model(x)` agrees with `model.predict(x)`
    state         none of these changed a weight or another variable
    ============  ==================================================================================

    A layer that was called with `training=True`, a BatchNorm that uses the statistics of the batch,
    augmentation that is on outside of training (the default of Keras' own), and statistics that
    move with each request fail one of them. The random generator of a layer may advance, as those
    of recurrent layers do, if predictions are the same. The gates of `exports.export` check the
    same of a SavedModel. The variables have their values again at the end.

    Args:
        model: A built Keras model, or a finished run.
        x: A batch of inputs as the model takes them, an array or arrays by name, of at least 4
            rows; about 32 are enough.
        tolerance: The largest accepted difference, relative to the largest output. By default 1e-5,
            or 1e-3 in float16 and 1e-2 in bfloat16: the order of a sum depends on the batch.

    Raises:
        ValueError: If there are fewer than 4 rows, or an argument is out of range.
        TypeError: If `model` is neither a Keras model nor a run.

    Example:

    >>> flip = keras.layers.RandomFlip(seed=0)  # its default is training=True
    >>> model = keras.Sequential([keras.Input((4, 4, 3)), flip, keras.layers.Flatten()])
    >>> found = check_inference(model, np.random.default_rng(0).normal(size=(8, 4, 4, 3)))
    >>> [check.name for check in found.checks if not check.passed]
    ['call']
    """
    model = model_of(model)
    check_number("tolerance", tolerance, "[0, inf)", optional=True)
    x = keras.tree.map_structure(np.asarray, x)
    rows = count_rows(keras.tree.flatten(x))
    if rows < 4:
        shapes = keras.tree.map_structure(np.shape, x)
        raise ValueError(f"`x` must be a batch of at least 4 rows. Received: shape {shapes}")
    if tolerance is None:
        tolerance = tolerance_of(model.compute_dtype)
    variables = list({id(v): v for v in model.variables}.values())
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
    first, backwards = _predict(model, x), slice(None, None, -1)
    pairs = {
        "repeatable": [(_predict(model, x), first) for _ in range(2)],
        "batch size": [
            (_predict(model, _rows(x, slice(n))), _rows(first, slice(n))) for n in _SMALL_BATCHES
        ],
        "order": [(_predict(model, _rows(x, backwards)), _rows(first, backwards))],
        "call": [(_numpy(model(keras.tree.map_structure(keras.ops.convert_to_tensor, x))), first)],
    }
    checks = [_compared(name, each, tolerance) for name, each in pairs.items()]
    checks.append(_state(model, variables, before))
    for variable, value in _changed(variables, before):
        variable.assign(value)
    return InferenceReport(tuple(checks), float(tolerance), rows)


def _compared(name: str, pairs: list[tuple[Any, Any]], tolerance: float) -> InferenceCheck:
    """Compare outputs, flat or nested, that should be equal."""
    largest = 0.0
    for received, expected in pairs:
        leaves = zip(keras.tree.flatten(received), keras.tree.flatten(expected), strict=True)
        for ours, right in leaves:
            if ours.shape != right.shape:
                detail = f"outputs of shape {ours.shape} instead of {right.shape}"
                return InferenceCheck(name, False, None, detail)
            ours, right = ours.astype("float64"), right.astype("float64")
            scale = np.abs(right[np.isfinite(right)]).max(initial=1.0)
            different = ours != right  # NaN is no prediction, and differs from itself
            distance = np.abs(ours[different] - right[different]) / scale
            if np.isnan(distance).any():
                return InferenceCheck(name, False, None, "predictions are NaN")
            largest = max(largest, float(distance.max(initial=0.0)))
    passed = largest <= tolerance
    detail = f"within {largest:.1e}" if passed else f"differs by {largest:.1e}: {_CAUSES[name]}"
    return InferenceCheck(name, passed, largest, detail)


_CAUSES = {
    "repeatable": "a layer draws random numbers in inference, or an input changes the model",
    "batch size": "the prediction of a row depends on how many rows are with it",
    "order": "the prediction of a row depends on its place in the batch",
    "call": "`model(x)` is not inference; call `model(x, training=False)`, or fix the layer whose "
    "`training` is true by default",
}


def _state(model: keras.Model, variables: list[Any], before: list[np.ndarray]) -> InferenceCheck:
    seeds = {id(g.state) for layer in model._flatten_layers() for g in layer._seed_generators}
    changed = [variable for variable, _ in _changed(variables, before)]
    moved = [variable.path for variable in changed if id(variable) not in seeds]
    if moved:
        return InferenceCheck("state", False, None, f"changed: {_some(moved)}")
    drew = f"; random generators advanced: {_some(v.path for v in changed)}" if changed else ""
    return InferenceCheck("state", True, None, f"none of {len(variables)} variables changed{drew}")


def _changed(variables: list[Any], before: list[np.ndarray]) -> list[tuple[Any, np.ndarray]]:
    """Return the variables whose values are others than before, with these."""
    return [
        (variable, old)
        for variable, old in zip(variables, before, strict=True)
        if np.asarray(keras.ops.convert_to_numpy(variable)).tobytes() != old.tobytes()
    ]


def _some(paths: Iterable[str]) -> str:
    first = list(paths)
    more = f" and {len(first) - 3} more" if len(first) > 3 else ""
    return ", ".join(first[:3]) + more


def _predict(model: keras.Model, x: Any) -> Any:
    return _numpy(model.predict_on_batch(x))


def _numpy(outputs: Any) -> Any:
    return keras.tree.map_structure(lambda t: np.asarray(keras.ops.convert_to_numpy(t)), outputs)


def _rows(arrays: Any, rows: slice) -> Any:
    return keras.tree.map_structure(lambda array: array[rows], arrays)
