import json
import subprocess
import sys
from types import ModuleType

import pytest
from matplotlib.figure import Figure

from occam import lab
from occam.lab import experiment

NAME = "dropout_mask"


def test_list_names_every_experiment_with_its_title(inside):
    done = inside("lab", "list")
    assert done.returncode == 0, done.stderr
    head, *lines = done.stdout.splitlines()
    assert head.split() == ["name", "title"]
    assert [line.split()[0] for line in lines] == [*lab.experiments()]
    assert "The dropout mask, and the ensemble that it trains" in done.stdout


def test_run_prints_claim_and_findings_and_draws_a_picture(inside, tmp_path):
    done = inside("lab", "run", NAME, "--small", "--directory", "pictures")
    assert done.returncode == 0, done.stderr
    assert "\nClaim: Dropout multiplies by a random mask" in done.stdout
    assert "\nReference: Srivastava et al." in done.stdout
    assert "\nat inference " in done.stdout
    assert "\nAll findings agree with the claim. (" in done.stdout
    assert [path.name for path in tmp_path.rglob("*.png")] == [f"{NAME}.png"]
    assert "picture: pictures/dropout_mask.png" in done.stdout


@pytest.fixture
def two_experiments(monkeypatch, tmp_path_factory):
    """A laboratory of two quick experiments; the claim of the second does not hold.

    Return the names of those that ran, and the directory of their modules.
    """
    modules, runs = {}, []
    source = tmp_path_factory.mktemp("experiments")
    for name, holds in (("right", True), ("wrong", False)):
        module = modules[name] = ModuleType(name)
        module.__doc__ = (
            f"About {name}.\n\nClaim: It is {name}.\n\nReference: None.\n\nTime: 0 seconds.\n\n"
            "Expected: 1."
        )
        finding = lab.Finding("|w|", "1", "1" if holds else "2", holds)

        def run(*, small=False, name=name, finding=finding):
            runs.append(name)
            return lab.Report((finding,), Figure())

        module.run, path = run, source / f"{name}.py"
        path.write_text('"""About it."""\n\nversion = 1\n')
        module.__file__ = str(path)
    monkeypatch.setattr(lab, "experiments", lambda: tuple(modules))
    for package in (lab, experiment):
        monkeypatch.setattr(package, "load", modules.__getitem__)
    return runs, source


def test_run_all_writes_a_page_that_says_which_claims_do_not_hold(
    inside, two_experiments, tmp_path
):
    done = inside("lab", "run", "all", "--directory", "docs/images", "--page", "docs/lab.md")
    assert done.returncode == 0, done.stderr
    assert "2/2" in done.stderr
    assert "\nAll findings agree with the claim. (0.0 seconds)\n" in done.stdout
    assert "\nAgainst the claim (1 of 1 findings): |w|. (0.0 seconds)\n" in done.stdout
    assert done.stdout.endswith("page: docs/lab.md\n")
    right, wrong = (tmp_path / "docs/lab.md").read_text().split("## About ")[1:]
    assert "| quantity | expected | found | holds |\n| --- | --- | --- | --- |\n" in right
    assert "\n| \\|w\\| | 1 | 1 | yes |\n" in right
    assert "\n![About right](images/right.png)\n" in right
    assert "Against the claim" not in right
    assert "\n**Found.** All findings agree with the claim. 1.\n" in right
    assert "\n**Found.** Against the claim (1 of 1 findings): |w|. 1.\n" in wrong
    assert "\n| \\|w\\| | 1 | 2 | NO |\n" in wrong
    assert "`occam lab run wrong`: 0.0 seconds." in wrong
    assert (tmp_path / "docs/images/wrong.png").exists()


def test_the_page_lies_beside_the_pictures_by_default(inside, two_experiments, tmp_path):
    inside("lab", "run", "all", "--small")
    page = (tmp_path / "lab" / "lab.md").read_text()
    assert "![About right](right.png)" in page
    assert "This page was written at reduced size." in page


def test_what_has_run_does_not_run_again(inside, two_experiments, tmp_path):
    runs, source = two_experiments
    inside("lab", "run", "right", "--directory", "pictures")
    kept = json.loads((tmp_path / "pictures" / "right.json").read_text())
    assert kept["findings"] == [{"quantity": "|w|", "expected": "1", "found": "1", "holds": True}]
    done = inside("lab", "run", "all", "--directory", "pictures")
    assert runs == ["right", "wrong"]
    assert "\nAll findings agree with the claim. (" in done.stdout
    inside("lab", "run", "right", "--directory", "pictures", "--restart")
    inside("lab", "run", "right", "--directory", "pictures", "--small")  # of another size
    assert runs == ["right", "wrong", "right", "right"]
    (source / "right.py").write_text('"""About it, in other words."""\n\nversion = 1\n')
    (source / "wrong.py").write_text('"""About it."""\n\nversion = 2\n')
    inside("lab", "run", "all", "--directory", "pictures", "--small")
    assert runs == ["right", "wrong", "right", "right", "wrong"]


def test_a_missing_picture_is_drawn_again_and_damaged_findings_are_named(
    inside, two_experiments, tmp_path
):
    runs, _ = two_experiments
    inside("lab", "run", "right")
    (tmp_path / "lab" / "right.png").unlink()
    inside("lab", "run", "right")
    assert runs == ["right", "right"]
    assert (tmp_path / "lab" / "right.png").exists()
    (tmp_path / "lab" / "right.json").write_text("{")
    done = inside("lab", "run", "right")
    assert "lab/right.json must be a JSON file. Received: Expecting" in done.stderr


def test_an_unusable_directory_is_an_error_before_the_experiment(inside, two_experiments, tmp_path):
    runs, _ = two_experiments
    (tmp_path / "file").touch()
    assert inside("lab", "run", "right", "--directory", "file").returncode == 1
    assert runs == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "nothing"), "`name` must be one of"),
        (("run",), "`run` needs the name of an experiment, or all."),
        (("list", NAME), "`list` takes no name. Received: 'dropout_mask'"),
        (("run", NAME, "--page", "x.md"), "`--page` needs `run all`."),
    ],
)
def test_failures_are_one_line(inside, tmp_path, arguments, message):
    done = inside("lab", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("occam: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_closed_pipe_is_not_a_failure(tmp_path):
    command = f"{sys.executable} -m occam.cli.main lab list | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name ")
