"""`occam exports`: its output and its exit status."""

import shutil

import keras
import pytest

from occam import exports
from occam.cli.main import main


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    directory = tmp_path_factory.mktemp("published")
    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(3)])
    exports.export(model, directory, task="classification")
    exports.promote(directory, 1)
    return directory


@pytest.fixture
def run(capfd, published, tmp_path):
    """Run `occam exports` on a copy of the versions; return exit status, output and errors."""
    directory = shutil.copytree(published, tmp_path / "exports")

    def run(*arguments, spoil=lambda version: None):
        spoil(directory / "1")
        with pytest.raises(SystemExit) as left:
            main(["exports", str(directory), *arguments])
        return left.value.code, *capfd.readouterr()

    return run


def test_versions_labels_blessings_sizes_and_signatures_are_shown(run):
    status, out, err = run()
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("version 1 (stable): ")
    assert lines[1].startswith("  blessed 2")
    assert "purity, determinism" in lines[1]
    assert max(map(len, lines)) <= 80
    assert lines[lines.index("  serving_default") :] == [
        "  serving_default",
        "    input  x: float32 (None, 2)",
        "    output class_id: int64 (None,)",
        "    output label: string (None,)",
        "    output probabilities: float32 (None, 3)",
        "",
        "1 version, 0 not blessed",
    ]


def change(version):
    path = version / "variables" / "variables.data-00000-of-00001"
    path.write_bytes(path.read_bytes() + b"\0")


def test_only_verify_finds_a_changed_byte(run):
    status, out, _ = run("--verify")
    assert status == 0
    assert "  verified checksums: 4 files " in out
    assert "  verified loading: " in out
    assert run(spoil=change)[0] == 0
    status, out, _ = run("--verify")
    assert status == 1
    assert "  not verified: gate checksums: " in out
    assert out.endswith("1 version, 1 not blessed\n")


def test_run_needs_verify(run):
    status, out, err = run("--run", "runs/digits")
    assert (status, out) == (2, "")
    assert "`--run` needs `--verify`" in err


def test_promote_and_rollback_move_a_label(run):
    status, out, _ = run("--promote", "1", "--label", "canary")
    assert (status, out.splitlines()[0].split(":")[0]) == (0, "version 1 (canary, stable)")
    for arguments, error in (
        (["--rollback"], "had the label 'stable' before"),
        (["--promote", "1", "--rollback"], "either `--promote` or `--rollback`"),
        (["--promote", "7"], "Received: version=7"),
    ):
        status, _, err = run(*arguments)
        assert (status, error in err) == (2, True)


def test_a_version_without_a_blessing_is_shown_and_counted(run):
    status, out, _ = run(spoil=lambda version: (version / "blessing.json").unlink())
    assert status == 1
    assert "it has no blessing.json" in out


def test_no_directory_is_a_failure(capfd, tmp_path):
    with pytest.raises(SystemExit) as left:
        main(["exports", str(tmp_path / "absent")])
    assert left.value.code == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "the directory does not exist" in err
