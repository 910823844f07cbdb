"""Short reviews from a grammar, with known label noise."""

from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from .builder import EmbeddedBuilder

NOISE = 0.05  # the probability with which a label is flipped

_THINGS = ("film", "book", "meal", "room", "song", "game", "story", "actor", "ending", "soup")
_GOOD = ("good", "great", "funny", "clever", "fresh", "lovely", "warm", "brilliant")
_BAD = ("bad", "dull", "stale", "noisy", "boring", "awful", "cold", "clumsy")
_BEFORE = ("", "honestly", "to be fair", "in the end", "my sister says", "for the price")
_AFTER = ("", "on a rainy evening", "as far as I can tell", "again", "and long", "for once")


class Reviews(EmbeddedBuilder):
    """3,000 sentences such as "honestly the film was not boring", to be told good from bad.

    A word for an opinion decides together with "not" before it, so no word alone tells anything,
    and a linear model of word counts is as good as chance. Each label is flipped with a probability
    of 5%, so no model can have an expected accuracy above 95%. 1,000 sentences are the test part.
    """

    RELEASE_NOTES: ClassVar = {"1.0.0": "Made by this package, seed 0."}
    feature = ("text", tfds.features.Text())
    label = "opinion"
    class_names: ClassVar = ["bad", "good"]
    homepage = ""
    citation = ""

    @classmethod
    def arrays(cls):
        random = np.random.default_rng(0)
        good, negated = random.integers(0, 2, 3000), random.integers(0, 2, 3000)
        texts = []
        for is_good, is_negated in zip(good, negated, strict=True):
            opinion = random.choice(_GOOD if is_good else _BAD)
            words = (
                random.choice(_BEFORE),
                f"the {random.choice(_THINGS)} was{' not' if is_negated else ''}",
                *random.choice(("", "very", "so"), 1),
                opinion,
                random.choice(_AFTER),
            )
            texts.append(" ".join(word for word in words if word))
        labels = (good ^ negated) ^ (random.random(3000) < NOISE)
        x, y = np.array(texts, object), labels.astype("int64")
        return {"train": (x[:2000], y[:2000]), "test": (x[2000:], y[2000:])}
