"""Train on public data with all defaults, and write docs/suite.md.

    python -m benchmarks.suite run [--half development|judging] [--sets ...] [--models ...]
                                   [--tiers none light medium strong auto] [--seeds 5]
                                   [--workers 2]
    python -m benchmarks.suite report

The data is shipped by packages: `pip install 'keras-occam[data]'`. Each finished run is a line of
benchmarks/suite/results.jsonl and never run again; if the command is killed, call it again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..pages import with_text
from ..records import read, run_all
from .report import TIERS, report
from .runs import RESULTS, Job, train
from .sets import MODELS, SETS, halves

PAGE = Path(__file__).parents[2] / "docs" / "suite.md"
BEGIN, END = "<!-- Written by `python -m benchmarks.suite report`. -->", "<!-- End. -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="file with a line for each run"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="train what is missing")
    running.add_argument("--half", choices=("development", "judging"), help="by default, both")
    names = [each.name for each in SETS]
    running.add_argument("--sets", nargs="*", choices=names, metavar="SET", help="by default, all")
    models = sorted({model for names in MODELS.values() for model in names})
    running.add_argument("--models", nargs="*", default=models, **_listed(models))
    running.add_argument("--tiers", nargs="*", default=TIERS, **_listed(TIERS))
    running.add_argument("--seeds", type=int, default=5, help="how many, from 0 (default: 5)")
    running.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    commands.add_parser("report", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    if arguments.command == "run":
        run_all(train, jobs(arguments), arguments.results, arguments.workers)
    else:
        if not arguments.results.is_file():
            parser.error(f"--results: {arguments.results} does not exist")
        text = report(read(arguments.results, Job))
        PAGE.write_text(with_text(PAGE.read_text(), BEGIN, text, END))
        print(PAGE)


def _listed(choices: Sequence[str]) -> dict[str, Any]:
    help = f"of {', '.join(choices)} (default: all)"
    return {"choices": choices, "metavar": choices[0].upper(), "help": help}


def jobs(arguments: argparse.Namespace) -> list[Job]:
    """Return the chosen runs, the first seed of all of them first."""
    half = halves()
    return [
        Job(each.name, model, tier, seed)
        for seed in range(arguments.seeds)
        for each in SETS
        for model in each.models
        for tier in arguments.tiers
        if arguments.half in (None, half[each.name])
        and (arguments.sets is None or each.name in arguments.sets)
        and model in arguments.models
    ]


if __name__ == "__main__":
    main()
