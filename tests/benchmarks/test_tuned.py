import sys

import pytest

from benchmarks import tuned


@pytest.mark.slow
def test_it_compares_the_choice_with_the_tiers(monkeypatch, capsys):
    sizes = ["--data", "digits", "--trials", "1", "--epochs", "1", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", ["tuned", *sizes, "--workers", "1"])
    tuned.main()
    header, row = capsys.readouterr().out.splitlines()[-2:]
    assert header.split()[:4] == ["data", "none", "medium", "tuned"]
    assert row.startswith("digits  0.")
