"""One verdict on a training, from its loss curves."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .curves import Curves
from .rules import RULES


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of `diagnose`.

    Args:
        kind: diverged, underfitting, overfitting, data-limited or well fitted.
        rule: Name of the rule that applied.
        evidence: Sentences with numbers and epochs, counted from 1 as `fit` prints them.
        advice: Changes with their sizes, most important first.
        best_epoch: Epoch of the smallest validation loss, counted from 0 as in `EarlyStopping`;
            `None` if no epoch was finite.

    Example:

    >>> print(Verdict("underfitting", "unfinished", ("It was short.",), ("Train longer.",), 0))
    underfitting (unfinished)
      It was short.
      > Train longer.
    """

    kind: str
    rule: str
    evidence: tuple[str, ...]
    advice: tuple[str, ...]
    best_epoch: int | None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Verdict":
        """Create a verdict from the result of `to_dict`."""
        lists = {name: tuple(values[name]) for name in ("evidence", "advice")}
        return cls(**{**values, **lists})

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        lists = {"evidence": [*self.evidence], "advice": [*self.advice]}
        return {**dataclasses.asdict(self), **lists}

    def __str__(self) -> str:
        evidence = (f"  {line}" for line in self.evidence)
        advice = (f"  > {line}" for line in self.advice)
        return "\n".join([f"{self.kind} ({self.rule})", *evidence, *advice])


def diagnose(
    history: Mapping[str, Sequence[Any]],
    *,
    baseline: float,
    irreducible: float = 0.0,
    noisy: bool = True,
    regression: bool = False,
) -> Verdict:
    """Judge whether a training under- or overfits, with evidence and advice.

    Losses are scaled to (loss - irreducible) / (B - irreducible), where the baseline B is the loss
    of the best constant prediction. The verdict is one of

    - diverged: the loss is not finite at the end; or above twice B, after it had been lower or
      after five epochs; or training and validation loss rise together.
    - underfitting: the training loss is above half, and the validation loss does not rise; or the
      training loss is at B; or that of a regression falls, but is above twice B.
    - overfitting: the validation loss has risen by 5% from its minimum while the gap to the
      training loss grew; or the gap is above a tenth, without strong regularization.
    - data-limited: the gap is above a tenth although regularization is strong, a quarter of the
      minimized loss, and the validation loss does not rise. Only more data closes this gap:
      training and validation loss approach a common limit from both sides as the sample grows.
    - well fitted: none of these.

    Curves are smoothed by medians of up to five epochs. `occam.callbacks.diagnosis.rules` explains
    the thresholds.

    Args:
        history: Lists by name, as in `History.history`, with `None` for an epoch without a value.
            The training loss is `train_eval_loss`, or else `data_loss` or `loss`; the validation
            loss is `val_data_loss` or else `val_loss`. The strength of regularization comes from
            `penalty` (or `loss` minus `data_loss`) and from `data_loss` minus `train_eval_loss`.
        baseline: The loss B of the best constant prediction, see `baseline_loss`.
        irreducible: The loss of the best possible model: 0, unless labels are noisy or smoothed.
        noisy: Whether dropout or augmentation makes training harder. If not, `data_loss` minus
            `train_eval_loss` is the progress within an epoch, and no regularization.
        regression: Whether targets are real numbers, which may be far from the initial outputs.

    Raises:
        ValueError: If no epoch has both a training and a validation loss, if lists differ in
            length, or if `baseline` is not above `irreducible`.

    Example:

    >>> verdict = diagnose(
    ...     {"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.8, 0.9, 1.2]}, baseline=2.3)
    >>> verdict.kind, verdict.best_epoch, verdict.advice[0]
    ('overfitting', 1, 'Stop earlier: at epoch 2.')

    Reference: Prechelt, Early Stopping - But When?, 1998, https://doi.org/10.1007/3-540-49430-8_3;
    Cortes et al., Learning Curves: Asymptotic Values and Rate of Convergence, 1993,
    https://proceedings.neurips.cc/paper/1993
    """
    curves = Curves.of(history, baseline, irreducible, noisy, regression)
    rule = next(rule for rule in RULES if rule.condition(curves))
    return Verdict(
        kind=rule.kind,
        rule=rule.name,
        evidence=(*(part(curves) for part in rule.evidence), *curves.notes),
        advice=tuple(rule.advice(curves)),
        best_epoch=curves.best_epoch,
    )
