"""Train `mlp` and `resnet1d` on mnist1d with each method alone, and write docs/methods.md.

    python -m benchmarks.methods [--seeds 5] [--workers 2] [--directory build/methods]

If it is killed, call it again: it continues with the missing runs. Delete the directory to measure
everything again. Takes about 45 minutes on two cores.
"""

import argparse
import json
from pathlib import Path

from .. import costs
from .cards import CARDS
from .document import document
from .pictures import draw_all
from .runs import measure

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--directory", type=Path, default=Path("build/methods"))
    arguments = parser.parse_args()
    results = measure(arguments.seeds, arguments.directory, arguments.workers)
    ratios = arguments.directory / "costs.json"
    if not ratios.exists():
        measured = costs.measure(rounds=5, steps=4, batch=32)
        ratios.write_text(json.dumps(measured, indent=2))
    draw_all(DOCS / "images" / "methods", results)
    (DOCS / "methods.md").write_text(document(results, json.loads(ratios.read_text())))
    print(f"{DOCS / 'methods.md'}: {len(CARDS)} methods, {len(results)} runs")


if __name__ == "__main__":
    main()
