"""`Progress`: the state of a search that is going on, as text."""

import contextlib
import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

from tqdm import tqdm

from ..core.text_table import table

_BEST = 5  # candidates in the table


class Progress:
    """Read how far a search of fields of `Regularization` is, from the files in its directory.

    Any process can do so while the search goes on.

    Args:
        directory: The directory of the search.
        runs: The number of all runs.

    Example:

    >>> print(Progress(Path("nowhere"), runs=10).text(width=40))
      0%|             | 0/10 [00:00<?, ?run/s]
    """

    def __init__(self, directory: Path, runs: int):
        self.directory, self.runs = directory, runs
        self._began = time.monotonic()
        self._before: int | None = None  # the number of runs of earlier processes
        self._scores: dict[tuple[Path, int], float | None] = {}
        self._text = ""

    def text(self, width: int) -> str:
        """Return a progress bar and a table of the best candidates so far.

        The finalists, which have more runs, come first. Failed trials are left out.
        """
        with contextlib.suppress(FileNotFoundError):  # a search that begins anew deletes its files
            self._text = self._read(width)
        return self._text

    def _read(self, width: int) -> str:
        state = self.directory / "search.json"
        trials = json.loads(state.read_text())["trials"] if state.exists() else []
        scores = {trial["trial_id"]: self._scores_of(trial["trial_id"]) for trial in trials}
        done = sum(map(len, scores.values()))
        if self._before is None:
            self._before = done
        elapsed = time.monotonic() - self._began
        options: Any = {"initial": self._before, "unit": "run", "ncols": width}
        lines = [tqdm.format_meter(done, self.runs, elapsed, **options)]
        finite = [t for t in trials if scores[t["trial_id"]] and None not in scores[t["trial_id"]]]
        finite.sort(key=lambda t: (-len(scores[t["trial_id"]]), mean(scores[t["trial_id"]])))
        best = [(t, t["hyperparameters"]["values"]) for t in finite[:_BEST]]
        names = {n.removesuffix(" on"): None for _, values in best for n in values}
        rows = [
            (
                int(trial["trial_id"]),
                f"{mean(scores[trial['trial_id']]):.4f}",
                len(scores[trial["trial_id"]]),
                *(_text(values[n]) if values.get(f"{n} on", n in values) else "off" for n in names),
            )
            for trial, values in best
        ]
        if rows:
            lines.append(table(("trial", "loss", "runs", *names), rows))
        return "\n".join(lines)

    def _scores_of(self, trial_id: str) -> list[float | None]:
        """Return the score of each run of a trial, `None` if its training failed."""
        found = []
        for file in sorted((self.directory / f"trial_{trial_id}").glob("execution-*.json")):
            key = file, file.stat().st_mtime_ns
            if key not in self._scores:
                self._scores[key] = json.loads(file.read_text())["score"]
            found.append(self._scores[key])
        return found


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
