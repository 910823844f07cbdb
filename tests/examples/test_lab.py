"""Each claim of the laboratory, at reduced size."""

import pytest

from occam import lab
from occam.lab.experiment import PARTS, describe


def test_there_is_no_experiment_of_another_name():
    with pytest.raises(ValueError, match=r"`name` must be one of .*dropout_mask.*'experiment'"):
        lab.load("experiment")


@pytest.mark.parametrize("name", lab.experiments())
def test_the_docstring_says_all_that_the_page_needs(name):
    parts = describe(lab.load(name))
    assert [*parts] == ["Title", *PARTS]
    assert all(parts.values())
    assert "https://" in parts["Reference"]
    assert "second" in parts["Time"] or "minute" in parts["Time"]


@pytest.mark.parametrize("name", lab.experiments())
def test_the_claim_holds(name):
    report = lab.load(name).run(small=True)
    failed = [finding for finding in report.findings if not finding.holds]
    assert report.findings
    assert not failed
    assert report.figure.axes
