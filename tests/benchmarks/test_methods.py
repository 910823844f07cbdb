"""Test the page docs/methods.md."""

import re
from pathlib import Path

import pytest

from benchmarks.methods.cards import CARDS
from benchmarks.methods.document import document
from benchmarks.methods.runs import EPOCHS, Alone
from occam import zoo
from occam.zoo.models import get_architecture

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def results():
    """Return results of two seeds, with a different accuracy for each field."""
    return {
        Alone(model, field, seed): {"train": 0.9, "test": 0.5 + 0.01 * number + 0.1 * seed}
        for model in EPOCHS
        for number, field in enumerate((None, *get_architecture(model).supported))
        for seed in range(2)
    }


def test_each_card_is_of_a_field_of_regularization():
    assert set(CARDS) <= set(zoo.Regularization.fields())


def test_figures_are_means_with_standard_errors_and_paired_differences(results):
    page = document(results, {"l2": 1.234})
    assert "| none |  | 0.550 ± 0.050 |  | 0.900 ± 0.000 | 0.350 ± 0.050 |" in page
    # L2 is the second field: 0.02 above none with each seed, so the difference has no error.
    assert "| `mlp` | 0.570 ± 0.050 | +0.020 ± 0.000 | 0.900 ± 0.000 | 0.330 ± 0.050 |" in page
    assert "- **Cost**: 1.23 times a step without it." in page
    assert "- Not supported by `mlp`." in page


def test_links_point_to_cards(results):
    page = document(results, {})
    titles = {line[3:].lower().replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= titles


def test_texts_of_the_page_are_those_of_the_cards():
    page = (DOCS / "methods.md").read_text()
    for field, card in CARDS.items():
        texts = (card.title, card.part, card.equation, card.use, card.pitfalls)
        assert [text for text in texts if text not in page] == [], field


def test_pictures_of_the_page_exist():
    page = (DOCS / "methods.md").read_text()
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", page)
    assert len(pictures) == len(CARDS)
    assert all((DOCS / picture).exists() for picture in pictures)
