"""`Tuning`: what a search found."""

from dataclasses import dataclass
from pathlib import Path

from ..core.text_table import table
from ..zoo import Regularization
from .candidate import Candidate
from .choice import choose

__all__ = ["Tuning"]


@dataclass(frozen=True)
class Tuning:
    """What `tune` returns.

    Args:
        candidates: all trials, in the order in which they ran.
        space: the fields that were searched.
        directory: where the trials and their TensorBoard logs are.
    """

    candidates: tuple[Candidate, ...]
    space: tuple[str, ...]
    directory: Path

    @property
    def chosen(self) -> Candidate:
        """The candidate that the one-standard-error rule picks."""
        return choose(self.candidates, self.space)

    @property
    def regularization(self) -> Regularization:
        """The best `Regularization`: that of the chosen candidate."""
        return self.chosen.regularization

    def table(self) -> str:
        """The candidates, best first; the chosen one is marked with an asterisk."""
        chosen = self.chosen
        head = ("", "trial", "val_data_loss", "val_accuracy", "regularization")
        rows = [
            (
                "*" if c is chosen else "",
                c.trial,
                f"{c.loss:.4f} ± {c.loss_error:.4f}",
                c.accuracy,
                repr(c.regularization),
            )
            for c in sorted(self.candidates, key=lambda c: c.loss)
        ]
        return table(head, rows)
