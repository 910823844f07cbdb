"""`diagnose`: one verdict on a training from its curves."""

from collections.abc import Mapping, Sequence
from typing import Any

from .curves import Curves
from .rules import RULES
from .verdict import Verdict

__all__ = ["diagnose"]


def diagnose(
    history: Mapping[str, Sequence[Any]],
    *,
    baseline: float,
    irreducible: float = 0.0,
    noisy: bool = True,
) -> Verdict:
    """What is the matter with a training, with the numbers that say so, and what to change.

    The losses are measured against a baseline B, the loss of the best constant prediction, and put
    in units of what there is to learn, (loss - irreducible) / (B - irreducible). A verdict is
    one of

    - diverged: not finite at the end; or above twice B, after it had been better or after five
      epochs; or training and validation loss rise together;
    - underfitting: the training loss is above half, and the validation loss does not rise; or it is
      at B;
    - overfitting: the validation loss has risen by 5% from its least value while the gap to the
      training loss grew; or the gap is above a tenth, without strong regularization to show for it;
    - data-limited: the gap is above a tenth though regularization is strong, a quarter of what is
      minimized, and the validation loss does not rise: neither a shorter training nor more
      regularization closes it. More data does: training and validation loss approach a common
      limit from both sides as the sample grows, so that half the gap is what data can save;
    - well fitted: none of these.

    Curves are smoothed by medians of up to five epochs. The rules stand in
    `occam.callbacks.diagnosis.rules`, the thresholds with their reasons in `.thresholds`.

    Args:
        history: lists by name, as in `History.history`; `None` for an epoch without a value.
            The training loss is the first that is there of `clean_loss`, `data_loss` and `loss`,
            the validation loss of `val_data_loss` and `val_loss`; the evidence says so if it is
            not the first. How strong regularization is comes from `penalty` (or `loss` minus
            `data_loss`) and from `data_loss` minus `clean_loss`. Other names are passed over.
        baseline: B, see `baseline_loss`.
        irreducible: the loss of the best possible model, 0 unless labels are noisy. What a loss
            with label smoothing cannot go below belongs to it.
        noisy: whether training is made harder at random, as by dropout or augmentation. If not,
            the difference between `data_loss`, the mean of an epoch, and `clean_loss` is progress
            within the epoch and does not count as regularization.

    Raises:
        ValueError: there is no training or no validation loss (the message says what to log), no
            epoch has both, lists differ in length, or the baseline is not above `irreducible`.

    Example:

    >>> verdict = diagnose(
    ...     {"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.8, 0.9, 1.2]}, baseline=2.3)
    >>> verdict.kind, verdict.best_epoch, verdict.advice[0]
    ('overfitting', 1, 'Stop earlier: at epoch 2.')

    Reference: Prechelt, Early Stopping - But When?, 1998, https://doi.org/10.1007/3-540-49430-8_3;
    Cortes et al., Learning Curves: Asymptotic Values and Rate of Convergence, 1993,
    https://proceedings.neurips.cc/paper/1993
    """
    curves = Curves.of(history, baseline=baseline, irreducible=irreducible, noisy=noisy)
    rule = next(rule for rule in RULES if rule.condition(curves))
    evidence = [line for part in rule.evidence for line in part(curves)]
    return Verdict(
        kind=rule.kind,
        rule=rule.name,
        evidence=(*evidence, *curves.notes),
        advice=tuple(rule.advice(curves)),
        best_epoch=curves.best_epoch,
    )
