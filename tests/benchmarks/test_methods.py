"""docs/methods.md: every card is of a field, and every figure comes from the results."""

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
    """Of two seeds, with another accuracy for each field."""
    return {
        Alone(model, field, seed): {"train": 0.9, "test": 0.5 + 0.01 * number + 0.1 * seed}
        for model in EPOCHS
        for number, field in enumerate((None, *get_architecture(model).able))
        for seed in range(2)
    }


def test_every_card_is_of_a_field():
    assert set(CARDS) <= set(zoo.Regularization.strengths())


def test_figures_are_means_with_standard_errors_and_paired_differences(results):
    page = document(results, {"l2": 1.234})
    assert "| none |  | 0.550 ± 0.050 |  | 0.900 ± 0.000 | 0.350 ± 0.050 |" in page
    # L2 is the second field: 0.02 above none with each seed, so that the difference has no error.
    assert "| `mlp` | 0.570 ± 0.050 | +0.020 ± 0.000 | 0.900 ± 0.000 | 0.330 ± 0.050 |" in page
    assert "- **Cost**: 1.23 of a plain step." in page
    assert "- `mlp` cannot honour it." in page


def test_links_lead_somewhere(results):
    page = document(results, {})
    titles = {line[3:].lower().replace(" ", "-") for line in page.splitlines() if line[:3] == "## "}
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= titles


def test_the_page_has_its_pictures():
    page = (DOCS / "methods.md").read_text()
    pictures = re.findall(r"!\[[^]]*\]\(([^)]*)\)", page)
    assert len(pictures) == len(CARDS)
    assert all((DOCS / picture).exists() for picture in pictures)
