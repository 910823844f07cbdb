"""The preprocessing of texts: `TextVectorization`, fitted to the training part."""

from typing import Any

import keras
import numpy as np

from ..tasks import DataError

MAX_TOKENS = 20_000  # of the vocabulary
MAX_LENGTH = 256  # of a sequence, in words
_BATCH = 1024  # texts
_COVERED = 0.95  # of the texts of the training part fit into a sequence


def fit_text(split: Any, origin: str) -> keras.Model:
    """Return the model from texts to sequences of word numbers.

    Words are lower case, without punctuation. The vocabulary has the 20,000 most frequent words of
    the training part; 0 is padding, and 1 an unknown word. A sequence is long enough for 95% of the
    training texts, up to 256 words; longer texts are cut.

    Args:
        split: The training part, with texts `(size,)`.
        origin: The source of the texts, for error messages.

    Raises:
        DataError: If the texts have no words.

    Returns:
        A model from strings `(batch,)` to int64 `(batch, length)`. Its layer `vocabulary` is a
        `keras.layers.TextVectorization`.
    """
    lengths, fitted = [], keras.layers.TextVectorization(MAX_TOKENS)
    for batch in split.batches(_BATCH).as_numpy_iterator():
        lengths += [len(text.split()) for text in batch[0].tolist()]
    length = int(np.clip(np.quantile(lengths, _COVERED, method="higher"), 1, MAX_LENGTH))
    fitted.adapt(split.batches(_BATCH).map(lambda texts, *others: texts))
    words = fitted.get_vocabulary()[2:]
    if not words:
        raise DataError(f"{origin}: the texts of the training part have no words.")
    layer = keras.layers.TextVectorization(
        MAX_TOKENS,
        output_sequence_length=length,
        vocabulary=words,
        name="vocabulary",
    )
    inputs = keras.Input((), dtype="string", name="text")
    return keras.Model(inputs, layer(inputs), name="text_preprocessing")


def vocabulary_size(preprocessing: keras.layers.Layer) -> int | None:
    """Return the number of different word numbers, or `None` if the data is no text."""
    if not isinstance(preprocessing, keras.Model):
        return None
    for layer in preprocessing.layers:
        if isinstance(layer, keras.layers.TextVectorization):
            return layer.vocabulary_size()
    return None
