import pytest

from occam.exports.signatures import Embedding, Uncertainty, choose_signatures


def test_serving_default_is_always_there_and_first():
    assert list(choose_signatures(())) == ["serving_default"]
    assert list(choose_signatures(["logits", "serving_default"])) == ["serving_default", "logits"]


def test_names_stand_for_the_defaults_and_objects_for_themselves():
    embedding = Embedding("hidden")
    chosen = choose_signatures([embedding, "uncertainty"])
    assert chosen["embedding"] is embedding
    assert isinstance(chosen["uncertainty"], Uncertainty)
    assert list(choose_signatures("classify")) == ["serving_default", "classify"]


def test_an_unknown_name_is_named():
    message = r"among \['serving_default', 'logits', .* Received: 'logit'"
    with pytest.raises(ValueError, match=message):
        choose_signatures(["logit"])


def test_two_of_a_name_are_refused():
    with pytest.raises(ValueError, match=r"each signature once\. Received: 'embedding' twice"):
        choose_signatures(["embedding", Embedding("hidden")])
