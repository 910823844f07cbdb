"""What the README says is so: its commands exist, and its examples print what it says."""

import importlib.util
import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_modules_that_are_to_be_run_exist():
    modules = set(re.findall(r"python -m ([\w.]+)", README))
    assert modules
    for module in modules:
        assert importlib.util.find_spec(module), module


def test_links_lead_to_files():
    for target in re.findall(r"\]\(([\w./]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target


def test_regularizing_a_model_that_exists(capsys):
    """The comment behind each `print` is what it prints."""
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "MobileNetV2" in c)
    names: dict = {}
    exec("import keras\nfrom occam import zoo\nkeras.utils.set_random_seed(0)\n" + code, names)
    printed = capsys.readouterr().out.splitlines()
    promised = re.findall(r"^print\(.*\)  # (.*)$", code, re.M)
    assert printed[0] == promised[0]
    assert printed[2] == promised[2]
    count, penalty = printed[1].split()
    assert count == promised[1].split()[0]
    assert 0.4 < float(penalty) < 0.6  # initial weights are random
