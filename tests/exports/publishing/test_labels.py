import json
import os
import signal
import subprocess
import sys

import pytest

from occam import exports


def test_rollback_skips_versions_that_were_never_promoted(directory):
    assert exports.labels(directory) == {}
    for version in (1, 3, 4):
        exports.promote(directory, version)
    exports.promote(directory, 2, label="canary")
    assert exports.labels(directory) == {"stable": 4, "canary": 2}
    assert json.loads((directory / "labels.json").read_text()) == {"stable": 4, "canary": 2}
    assert exports.rollback(directory) == 3
    assert exports.rollback(directory) == 1
    assert exports.labels(directory) == {"stable": 1, "canary": 2}
    with pytest.raises(exports.ExportError, match="had the label 'stable' before"):
        exports.rollback(directory)


def test_promote_is_idempotent(directory):
    for version in (1, 2, 2):
        exports.promote(directory, version)
    assert exports.rollback(directory) == 1


def test_kill_between_the_two_files_does_no_harm(directory):
    exports.promote(directory, 1)
    exports.promote(directory, 2)
    (directory / "labels.json").write_text('{"stable": 1}')  # promotions.json is of the next step
    exports.promote(directory, 3)
    assert exports.rollback(directory) == 1


def test_only_blessed_versions_get_a_label(directory):
    with pytest.raises(FileNotFoundError, match=r"one of \[1, 2, 3, 4\], .* version=9$"):
        exports.promote(directory, 9)
    with pytest.raises(FileNotFoundError, match=r"one of .* version='1'$"):
        exports.promote(directory, "1")
    (directory / "2" / "blessing.json").unlink()
    with pytest.raises(exports.ExportError, match=r"2: it has no blessing\.json"):
        exports.promote(directory, 2)
    with pytest.raises(ValueError, match="`label` must be letters"):
        exports.promote(directory, 1, label="../stable")
    assert exports.labels(directory) == {}


def test_load_takes_a_label(directory):
    exports.promote(directory, 3)
    assert exports.load(directory, label="stable").version == 3
    with pytest.raises(exports.ExportError, match=r"one of the labels \['stable'\]\. Rec.*'new'"):
        exports.load(directory, label="new")
    with pytest.raises(ValueError, match="either `version` or `label`"):
        exports.load(directory, 1, label="stable")


def test_models_config_names_the_labelled_versions(directory):
    exports.promote(directory, 3)
    exports.promote(directory, 4, label="canary")
    assert exports.models_config(directory, 'the "model"', "/models/m") == (
        "model_config_list {\n"
        "  config {\n"
        '    name: "the \\"model\\""\n'
        '    base_path: "/models/m"\n'
        '    model_platform: "tensorflow"\n'
        "    model_version_policy { specific { versions: 3 versions: 4 } }\n"
        '    version_labels { key: "canary" value: 4 }\n'
        '    version_labels { key: "stable" value: 3 }\n'
        "  }\n"
        "}\n"
    )


def test_models_config_without_labels_serves_the_latest(directory):
    text = exports.models_config(directory, "m")
    assert "version" not in text
    assert f'base_path: "{directory}"' in text


def test_invalid_labels_file_is_refused(directory):
    for text, problem in ("[1]", "not a JSON object"), ("{", "Expecting property name"):
        (directory / "labels.json").write_text(text)
        with pytest.raises(exports.ExportError, match=rf"labels\.json: .*{problem}"):
            exports.labels(directory)


PROMOTE_FOR_EVER = """
import sys
from occam import exports
print("ready", flush=True)
while True:
    for version in (1, 2):
        exports.promote(sys.argv[1], version)
"""


@pytest.mark.slow
def test_kill_leaves_readable_labels_and_nothing_else(directory):
    command = [sys.executable, "-c", PROMOTE_FOR_EVER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        seen = [exports.labels(directory) for _ in range(2_000)]
        process.send_signal(signal.SIGKILL)
    assert all(labels in ({}, {"stable": 1}, {"stable": 2}) for labels in seen)
    exports.promote(directory, 3)
    (directory / ".tmp-left").write_text("{")  # where the kill would have fallen in between
    with exports.publishing.staging(directory):
        pass
    assert not [name for name in os.listdir(directory) if name.startswith(".")]
    assert exports.labels(directory) == {"stable": 3}
