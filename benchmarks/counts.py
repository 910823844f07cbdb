"""Counts the parameters of all models into the package, so that `occam models` need not build them.

    python -m benchmarks.counts

A few minutes; the tests compare with models that they build.
"""

import json

import keras
from tqdm import tqdm

from occam import zoo
from occam.zoo.models.card import COUNTS, count_params


def main() -> None:
    names = [*zoo.list_models(), *zoo.list_models("applications/*")]
    counts = {}
    for name in tqdm(names, unit="model"):
        counts[name] = count_params(zoo.models.get_architecture(name))
        keras.backend.clear_session()
    COUNTS.write_text(json.dumps(counts, indent=2) + "\n")


if __name__ == "__main__":
    main()
