import runpy
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "snapshot_ensemble.py"


def test_the_script_judges_each_snapshot_and_their_mean(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--cycles", "2", "--steps", "40"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    names = ["one long cycle", "snapshot 1", "snapshot 2", "mean of all"]
    assert [line[:14].strip() for line in lines[1:]] == names
    assert all(0 < float(line.split()[-2]) < 1 for line in lines[1:])
