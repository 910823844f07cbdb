from types import SimpleNamespace

import pytest

from occam.cli.main import main


@pytest.fixture
def inside(data_dir, tmp_path, monkeypatch, capfd):
    """Run `occam` in a temporary directory, in this process, which has done the slow imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*map(str, arguments)])
        out, err = capfd.readouterr()
        return SimpleNamespace(returncode=left.value.code, stdout=out, stderr=err)

    return run
