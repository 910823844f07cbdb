"""`EpochScalars`: where the values of an epoch go, by run and tag."""

from collections.abc import Mapping
from typing import Any

import keras

from ..penalty import weight_penalty
from .names import RUNS, grouped, keras_name
from .summaries import entries
from .weights import norms

__all__ = ["EpochScalars"]


class EpochScalars:
    """The tags of a training so far, and the values of its epochs under them.

    Args:
        names: "grouped" or "keras"; see `names`.

    Attributes:
        tags: pairs of a run and a tag, in the order in which they appeared.
    """

    def __init__(self, names: str):
        self.names = names
        self.tags: list[tuple[str, str]] = []

    def take(self, logs: Mapping[str, Any], model: keras.Model) -> dict[str, dict[str, Any]]:
        """The values of an epoch by run and tag; with grouped names, norms of weights as well."""
        naming = grouped if self.names == "grouped" else keras_name
        runs: dict[str, dict[str, Any]] = {run: {} for run in RUNS}
        for name, value in logs.items():
            run, tag = naming(name)
            runs[run] |= entries({tag: value})
        if self.names == "grouped":
            runs["train"] |= {f"weights/norm/{path}": norm for path, norm in norms(model).items()}
            if "train_eval_loss" in logs:  # so that the band has all its values in every run
                total = float(logs["train_eval_loss"]) + float(weight_penalty(model))
                runs["train_eval"].setdefault("loss/total", total)
        new = [(run, tag) for run in RUNS for tag in runs[run]]
        self.tags = [*dict.fromkeys([*self.tags, *new])]
        return runs

    def judged(self) -> list[tuple[str, str]]:
        """The metrics for the HParams dashboard, the most telling ones first."""
        run = "validation" if any(run == "validation" for run, _ in self.tags) else "train"
        losses = ((run, tag) for tag in ("loss/data", "loss/total", "epoch_loss"))
        loss = next((each for each in losses if each in self.tags), None)
        rest = [t for t in self.tags if t[0] == run and t[1].startswith(("metrics/", "epoch_acc"))]
        rest += [t for t in self.tags if t[1].startswith("gap/") or t == ("train", "penalty/total")]
        return [*([loss] if loss else []), *rest]
