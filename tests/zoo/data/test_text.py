"""Texts: a vocabulary of the training part, and sequences of one length."""

import json
from typing import Any

import keras
import numpy as np
import pytest

from occam.zoo.data import DataError, load_data
from occam.zoo.data.split import ArraySplit
from occam.zoo.data.text import MAX_LENGTH, fit_text, vocabulary_size


def fit(texts):
    return fit_text(ArraySplit(np.array(texts, object), np.zeros(len(texts))), "here")


def words(model):
    return model.get_layer("vocabulary").get_vocabulary()


def test_words_are_numbered_by_frequency_in_lower_case_without_punctuation():
    model = fit(["b, A b.", "B a", "c"])
    assert words(model) == ["", "[UNK]", "b", "a", "c"]
    assert model(np.array(["A d B!"], object)).numpy().tolist() == [[3, 1, 2]]
    assert vocabulary_size(model) == 5
    assert vocabulary_size(keras.layers.Identity()) is None


def test_the_vocabulary_is_that_of_the_training_part():
    data = load_data(
        (["red blue", "blue green"] * 20, [0, 1] * 20),
        validation=(["black red"], [0]),
        test=(["white blue", "blue"], [0, 1]),
        batch_size=2,
    )
    assert set(words(data.preprocessing)) == {"", "[UNK]", "red", "blue", "green"}
    (white, blue), alone = next(iter(data.test))[0].numpy()
    assert (white, alone.tolist()) == (1, [blue, 0])


def test_a_sequence_holds_most_of_the_texts_and_the_rest_is_cut():
    texts = [" ".join(["word"] * n) for n in range(1, 101)]
    assert fit(texts).output_shape == (None, 96)
    assert fit([" ".join(["word"] * 1000)] * 3).output_shape == (None, MAX_LENGTH)
    assert fit(["", "word"]).output_shape == (None, 1)


def test_a_model_that_is_saved_and_loaded_numbers_the_same(tmp_path):
    model = fit(["the film was good", "a dull film", "größer"])
    texts = np.array(["was the FILM dull", "größer?", "", "unseen"], object)
    config = json.dumps(keras.saving.serialize_keras_object(model))
    again: Any = keras.saving.deserialize_keras_object(json.loads(config))
    np.testing.assert_array_equal(again(texts), model(texts))
    assert json.dumps(keras.saving.serialize_keras_object(again)) == config
    model.save(tmp_path / "text.keras")
    loaded: Any = keras.saving.load_model(tmp_path / "text.keras")
    np.testing.assert_array_equal(loaded(texts), model(texts))


def test_texts_without_words():
    with pytest.raises(DataError, match="here: the texts of the training part have no words"):
        fit(["...", ""])


def test_reviews_describe_themselves():
    data = load_data("reviews")
    assert data.reloadable
    assert load_data(**data.arguments).to_dict() == data.to_dict()
    assert f"numbers of {data.vocabulary_size} words, those of the training" in data.describe()
    with pytest.raises(AttributeError, match="Data 'reviews' has no range, but columns or texts"):
        _ = data.value_range
