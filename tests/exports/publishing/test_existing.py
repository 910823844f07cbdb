import pytest

from occam import exports

ASKED = {
    "load": exports.load,
    "listing": exports.listing,
    "promote": lambda directory: exports.promote(directory, 1),
    "rollback": exports.rollback,
    "prune": lambda directory: exports.prune(directory, 1),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize(("name", "what"), [("nope", "not found"), ("afile", "a file")])
def test_what_is_no_directory_is_named(ask, name, what, tmp_path):
    (tmp_path / "afile").touch()
    message = f"Expected the directory of an export. Received: {tmp_path / name}, {what}"
    with pytest.raises(FileNotFoundError, match=message):
        ask(tmp_path / name)
