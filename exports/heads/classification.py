"""`ClassificationHead`: one of several exclusive classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from ..calibration import expected_calibration_error
from ..errors import ExportError
from .conformal import least_covered
from .head import Agreement, Arrays, Head, chosen_names, count_chosen

_TINY = float(np.finfo("float32").tiny)
_HALF_STEP = 2.0**-9  # of a probability in 8 bits, which holds nothing smaller


@dataclass(frozen=True)
class ClassificationHead(Head):
    """One of at least two exclusive classes; one output unit stands for two classes.

    Answers: `probabilities`, float32 `(n, classes)`; `class_id`, int64 `(n,)`; `label`, string
    `(n,)`; with `coverage` also `prediction_set`, string `(n, classes)`, the names of the classes
    in the set, in order, padded with ""; and `set_size`, int64 `(n,)`, how many there are.

    Args:
        names: The name of each class.
        from_logits: Whether the outputs are logits rather than probabilities.
        temperature: The number that divides all logits.
        coverage: The probability with which a set contains the true class, or None for no sets.
        least_probability: The smallest probability of a class in the set.
        calibration_rows: The number of rows that `least_probability` was fitted on.
    """

    from_logits: bool = False
    temperature: float = 1.0
    coverage: float | None = None
    least_probability: float = 0.0
    calibration_rows: int = 0

    task = "classification"
    title = "Classes"
    noun = "classifier"
    text_answers = ("label", "prediction_set")

    def numbers(self, outputs):
        p = probabilities(outputs[0], self.from_logits, self.temperature)
        answers = {"probabilities": p, "class_id": tf.argmax(p, axis=-1, output_type=tf.int64)}
        if self.coverage is None:
            return answers
        return answers | {"set_size": count_chosen(self._in_set(p))}

    def text(self, numbers):
        answers = {"label": tf.gather(tf.constant(self.names), numbers["class_id"])}
        if self.coverage is None:
            return answers
        chosen = self._in_set(numbers["probabilities"])
        return answers | {"prediction_set": chosen_names(self.names, chosen)}

    def logits(self, outputs):
        return logits(outputs[0], self.from_logits, self.temperature)

    def uncertainty(self, passes):
        """Return the moments of `exports.Uncertainty` from outputs `(n, T, units)`."""
        shape = tf.shape(passes)
        flat = tf.reshape(passes, (-1, passes.shape[-1]))
        p = probabilities(flat, self.from_logits, self.temperature)
        return moments(tf.reshape(p, (shape[0], shape[1], p.shape[-1])))

    def limit(self, answers, name, relative):
        if name != "probabilities":
            return super().limit(answers, name, relative)
        # The probabilities show the rounding of the logits, whose size is about max |log p|.
        p = np.nan_to_num(answers[name], nan=1.0)
        size = -np.log(np.maximum(p.min(axis=-1, keepdims=True), _TINY))
        return relative * np.maximum(1.0, size)

    def unclear(self, answers, relative):
        if "probabilities" not in answers:
            return {}
        best = np.sort(answers["probabilities"], axis=-1)
        limit = self.limit(answers, "probabilities", relative)[:, 0]
        close = best[:, -1] - best[:, -2] <= 2 * limit
        found = {"class_id": close, "label": close}
        if self.coverage is None:
            return found
        distance = np.abs(answers["probabilities"] - np.float32(self.least_probability))
        close = (distance <= 2 * limit[:, None]).any(axis=-1)
        return found | {"set_size": close, "prediction_set": close}

    def problem(self, answers):
        right = answers["probabilities"]
        sums = right.sum(axis=-1)
        if np.any(np.abs(sums - 1) >= 1e-2) or not right.min() >= 0:
            return (
                "model.predict must return probabilities of exclusive classes, >= 0 and with sum "
                f"1. Received: sums from {sums.min():.3g} to {sums.max():.3g}, minimum "
                f"{right.min():.3g}"
            )
        return None

    def targets(self, data, argument="data"):
        labels = np.asarray(data)
        if labels.ndim != 1 or labels.dtype.kind not in "iuU":
            raise ValueError(
                f"`{argument}` must have labels of shape (n,), class ids or names. Received: "
                f"labels of dtype {labels.dtype} and shape {labels.shape}"
            )
        ids = labels.dtype.kind in "iu"
        known: Any = range(len(self.names)) if ids else set(self.names)
        if unknown := [label for label in np.unique(labels).tolist() if label not in known]:
            expected = f"from 0 to {len(self.names) - 1}" if ids else f"among {list(self.names)}"
            raise ExportError(f"`{argument}` must have labels {expected}. Received: {unknown[:10]}")
        return labels

    def class_ids(self, targets: np.ndarray) -> np.ndarray:
        """Return the class id of each label of `targets`, which may be names."""
        if targets.dtype.kind in "iu":
            return targets
        return np.array([self.names.index(label) for label in targets], "int64")

    def scores(self, answers, targets):
        ids = targets.dtype.kind in "iu"
        given = answers["class_id"] if ids else answers["label"]
        figures = {"accuracy": float(np.mean(given == targets))}
        if ids:
            p = answers["probabilities"]
            figures["negative_log_likelihood"] = negative_log_likelihood(p, targets, _TINY)
            figures["calibration_error"] = expected_calibration_error(p, targets)
        return figures

    def drops(self, checks):
        return {"accuracy": checks.max_accuracy_drop}

    def agreement(self, answers, right, targets, checks):
        """Compare class ids and likelihood; probabilities below 1/512 count as 1/512."""
        targets = self.class_ids(targets)
        share = float(np.mean(answers["class_id"] == right["class_id"]))
        ours, model = (
            negative_log_likelihood(a["probabilities"], targets, _HALF_STEP)
            for a in (answers, right)
        )
        return Agreement(
            {"agreement": share, "nll_increase": ours - model},
            f"{share:.4f} of the class ids, and {ours - model:+.4f} nats",
            f"At least {checks.min_agreement:g} of the class ids must be the model's, and the "
            f"negative log-likelihood at most {checks.max_nll_increase:g} nats higher",
            share >= checks.min_agreement and ours - model <= checks.max_nll_increase,
        )

    def coverage_of(self, answers, targets):
        """Return the share of labels in their set, and the smallest count to accept."""
        if self.coverage is None:
            return None
        ids = self.class_ids(targets)
        inside = answers["probabilities"][np.arange(len(ids)), ids] >= np.float32(
            self.least_probability
        )
        least = least_covered(len(ids), self.calibration_rows, self.coverage)
        return {"label": float(inside.mean())}, least

    def _in_set(self, p: tf.Tensor) -> tf.Tensor:
        return p >= tf.constant(self.least_probability, tf.float32)


def probabilities(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """Return `(n, classes)` float32 probabilities from outputs of shape `(n, units)`.

    One unit stands for two classes: `(1 - p, p)`. Half precision is cast before the softmax.
    """
    if temperature != 1.0:
        return tf.nn.softmax(logits(outputs, from_logits, temperature))
    outputs = tf.cast(outputs, tf.float32)
    if outputs.shape[-1] == 1:
        both = [-outputs, outputs] if from_logits else [1 - outputs, outputs]
        outputs = tf.concat(both, axis=-1)
        return tf.sigmoid(outputs) if from_logits else outputs
    return tf.nn.softmax(outputs) if from_logits else outputs


def logits(outputs: tf.Tensor, from_logits: bool, temperature: float = 1.0) -> tf.Tensor:
    """Return `(n, classes)` float32 logits from outputs of shape `(n, units)`.

    The logits of probabilities are log(max(p, smallest normal float32)). One unit stands for two
    classes: `(0, z)`, or `(log(1 - p), log(p))`.
    """
    outputs = tf.cast(outputs, tf.float32)
    if not from_logits:
        both = outputs.shape[-1] == 1
        outputs = tf.concat([1 - outputs, outputs], axis=-1) if both else outputs
        outputs = tf.math.log(tf.maximum(outputs, _TINY))
    elif outputs.shape[-1] == 1:
        outputs = tf.concat([tf.zeros_like(outputs), outputs], axis=-1)
    return outputs if temperature == 1.0 else outputs / temperature


def moments(passes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return the moments of `exports.Uncertainty` from `(n, T, classes)` probabilities."""
    mean = tf.reduce_mean(passes, axis=1)
    entropy = _entropy(mean)
    information = entropy - tf.reduce_mean(_entropy(passes), axis=1)
    return {
        "mean": mean,
        "standard_deviation": tf.math.reduce_std(passes, axis=1),
        "predictive_entropy": entropy,
        # >= 0 by Jensen's inequality, up to rounding
        "mutual_information": tf.maximum(information, 0.0),
    }


def negative_log_likelihood(p: Arrays | Any, labels: np.ndarray, smallest: float) -> float:
    """Return the mean of -log p of the labels, with probabilities of at least `smallest`."""
    chosen = p[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, smallest)).mean())


def _entropy(p: tf.Tensor) -> tf.Tensor:
    return -tf.reduce_sum(tf.math.xlogy(p, p), axis=-1)
