"""The loss of a classifier after temperature scaling, by which candidates are compared."""

from typing import Any

import keras
import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from ..data import Data
from . import engine

VAL_REFINED_LOSS = "val_refined_loss"
_TEMPERATURES = (0.01, 100.0)


class RefinedLoss(keras.callbacks.Callback):
    """Log `val_refined_loss`, the validation data loss after temperature scaling, each epoch.

    Args:
        data: The data, with a validation part and classes.
    """

    def __init__(self, data: Data):
        super().__init__()
        self.data = data

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        targets, logits, weights = engine.rows_of(self.model, self.data.validation)
        losses = refined_losses(targets, logits, weights)
        logs[VAL_REFINED_LOSS] = float(np.average(losses, weights=weights))


def refined_losses(
    targets: np.ndarray, logits: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the cross-entropy of each sample after temperature scaling.

        l_i = -log softmax(z_i / T)[y_i],    T = argmin  sum_i w_i l_i + log(T)^2 / 2

    Label smoothing and mixup leave a model too modest, long training leaves it too confident. An
    export corrects both by one temperature, so what counts is the loss after that. The last term
    is a standard normal prior of log T. Without it, a model that is right on all of a few samples
    would have T = 0 and no loss, whatever its margins are.

    Args:
        targets: The classes `(samples,)`.
        logits: The outputs of the model `(samples, classes)`.
        weights: The weight of each sample `(samples,)`; only their ratios count.

    Returns:
        The losses `(samples,)`; NaN if some logit is not finite.

    Example: a model that is right and too confident is as good as one that is too modest.

    >>> targets, logits = np.array([0, 0, 0, 1] * 50), np.array([[9.0, 0.0]] * 200)
    >>> means = [refined_losses(targets, scale * logits).mean() for scale in (1, 0.01)]
    >>> print(f"{means[0]:.2f} {means[1]:.2f}")
    0.56 0.56

    References:
        - Guo et al., On Calibration of Modern Neural Networks, 2017,
          https://arxiv.org/abs/1706.04599
        - Berta, Holzmueller, Jordan & Bach, Rethinking Early Stopping: Refine, Then Calibrate,
          2025, https://arxiv.org/abs/2501.19195
    """
    samples = np.arange(len(targets))
    if not np.isfinite(logits).all():
        return np.full(len(targets), np.nan)

    def losses(log_t: float) -> np.ndarray:
        return -log_softmax(logits / np.exp(log_t), axis=1)[samples, targets]

    def objective(log_t: float) -> float:
        mean = np.average(losses(log_t), weights=weights)
        return len(targets) * float(mean) + log_t**2 / 2

    fitted: Any = minimize_scalar(objective, bounds=tuple(np.log(_TEMPERATURES)))
    return losses(fitted.x)
