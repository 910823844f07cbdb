"""`verdict`: what a training was like up to the weights that were kept."""

from collections.abc import Mapping, Sequence

from ...callbacks import Verdict, baseline_loss, diagnose
from ..data import Data

__all__ = ["verdict"]


def verdict(history: Mapping[str, Sequence[float]], data: Data, *, epochs: int) -> Verdict:
    """Underfitting, overfitting or well fitted, with the evidence; see `callbacks.diagnose`.

    Args:
        history: of the training, with at least `data_loss` and `val_data_loss`.
        data: whose training labels give the loss of the best constant prediction.
        epochs: how many count: those up to the weights that were kept.
    """
    baseline = baseline_loss(data.raw_splits["train"].labels)
    kept = {name: values[:epochs] for name, values in history.items()}
    return diagnose(kept, baseline=baseline)
