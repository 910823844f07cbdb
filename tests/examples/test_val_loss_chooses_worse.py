import importlib.util
import re
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "val_loss_chooses_worse.py"


@pytest.mark.slow
def test_val_loss_chooses_a_smaller_penalty_than_the_data_loss(monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location(SCRIPT.stem, SCRIPT)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    monkeypatch.setattr(script, "STRENGTHS", (0.0, 3e-3))
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--seeds", "1", "--epochs", "12"])
    script.main()
    chosen = re.findall(r"^(val_loss|val_data_loss) +(\S+)  ", capsys.readouterr().out, re.M)
    assert chosen == [("val_loss", "0"), ("val_data_loss", "0.003")]
