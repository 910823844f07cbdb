"""Count the parameters of all models and store them in the package, for `occam models`.

    python -m benchmarks.counts

Takes a few minutes. The tests compare the stored counts with models that they build.
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
