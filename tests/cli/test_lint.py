"""`occam lint`: its exit status, what it prints, and the files that it cannot load."""

import json
import subprocess
import sys
import zipfile

import keras
import pytest
from keras import layers

from occam import zoo
from occam.cli.main import main


@pytest.fixture
def lint(capfd, monkeypatch, tmp_path):
    """Runs `occam lint` in this process; returns the exit status and what it wrote."""
    monkeypatch.chdir(tmp_path)

    def lint(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["lint", *map(str, arguments)])
        out, err = capfd.readouterr()
        return left.value.code, out, err

    return lint


def clean():
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, kernel_regularizer="l2")])


def wrong():
    norms = [layers.BatchNormalization(name=f"a_rather_long_name_{n}") for n in range(5)]
    dropout = layers.Dropout(0.9, name="drop")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3), *norms, dropout, layers.Dense(2)])
    model.compile("adamw", "mse")
    return model


def failed(answer):
    """The one line that a failure leaves on standard error."""
    status, out, err = answer
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith("occam: ")
    return line


def test_nothing_found(lint):
    clean().save("clean.keras")
    assert lint("clean.keras") == (0, "no findings\n", "")
    assert lint("clean.keras", "--format", "json") == (0, "[]\n", "")


def test_findings_are_grouped_and_fit_80_columns(lint):
    wrong().save("wrong.keras")
    status, out, err = lint("wrong.keras")
    assert (status, err) == (1, "")  # the optimizer's state, which is not there, is not missed
    assert max(map(len, out.splitlines())) <= 80
    assert out.splitlines()[-1] == "6 findings"
    assert [line[:6] for line in out.splitlines() if line.startswith("OCC")] == ["OCC202", "OCC404"]
    names = (
        "a_rather_long_name_2,\n        a_rather_long_name_3, a_rather_long_name_4\n  why:  AdamW"
    )
    assert names in out
    assert "\n  fix: " in out


def test_many_layers_are_counted(lint):
    norms = [layers.BatchNormalization(name=f"norm_{n}") for n in range(10)]
    keras.Sequential([keras.Input((4,)), *norms]).save("many.keras")
    out = lint("many.keras", "--batch-size", "4")[1]
    assert "norm_6, norm_7 and 2 more why: " in " ".join(out.split())
    assert out.endswith("\n10 findings\n")


def test_json_is_the_list_of_findings(lint):
    model = wrong()
    model.save("wrong.keras")
    status, out, _ = lint("wrong.keras", "--format", "json")
    assert status == 1
    assert json.loads(out) == [finding.to_dict() for finding in zoo.lint(model)]


def test_a_closed_pipe_keeps_the_exit_status(tmp_path):
    wrong().save(tmp_path / "wrong.keras")
    # No reader is left when the findings are written.
    command = f"{sys.executable} -m occam.cli.main lint wrong.keras > >(true)"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit $?"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "")


def test_flags(lint):
    wrong().save("wrong.keras")
    assert "1 finding\n" in lint("wrong.keras", "--no-compiled")[1]
    assert lint("wrong.keras", "--ignore", "OCC202", "OCC404")[0] == 0
    assert "OCC503" in lint("wrong.keras", "--batch-size", "4")[1]
    assert "OCC504" in lint("wrong.keras", "--steps", "4")[1]
    inputs = keras.Input((8, 8, 1))
    x = layers.Flatten()(layers.RandomFlip()(inputs))
    model = keras.Model(inputs, layers.Dense(2, kernel_regularizer="l1")(x))
    model.compile("sgd", keras.losses.CategoricalCrossentropy(label_smoothing=0.1))
    model.optimizer.build(model.trainable_variables)
    model.save("flags.keras")
    assert lint("flags.keras")[0] == 0
    for code, *flags in (
        ("OCC106", "--expect-zeros"),
        ("OCC303", "--for-export"),
        ("OCC501", "--targets", "mixed"),
    ):
        assert code in lint("flags.keras", *flags)[1]


def test_a_trained_model_of_the_zoo(lint):
    regularization = zoo.preset("mlp", "strong").replace(weight_decay=0.1, l2=0.0)
    model = zoo.create_model(
        "mlp", input_shape=(4,), num_classes=3, regularization=regularization, units=(4,)
    )
    model.compile(
        zoo.optimizers.AdamW(weight_decay=0.1),
        zoo.losses.CategoricalCrossentropy(),
        metrics=[zoo.metrics.DataLoss()],
    )
    model.save("zoo.keras")
    assert lint("zoo.keras") == (0, "no findings\n", "")


def test_files_that_are_not_models(lint, tmp_path):
    assert "Could not load no.keras: it does not exist" in failed(lint("no.keras"))
    (tmp_path / "directory.keras").mkdir()
    assert "directory.keras: it does not exist, or is not a file" in failed(lint("directory.keras"))
    (tmp_path / "text.keras").write_text("text")
    assert "text.keras: it is not a .keras file" in failed(lint("text.keras"))
    with zipfile.ZipFile(tmp_path / "other.keras", "w") as file:
        file.writestr("other", "")
    assert "There is no item named 'config.json'" in failed(lint("other.keras"))
    clean().save_weights("clean.weights.h5")
    assert "it is not a .keras file" in failed(lint("clean.weights.h5"))


def test_a_lambda_is_not_run(lint):
    double = layers.Lambda(lambda x: x * 2)
    keras.Sequential([keras.Input((4,)), double]).save("lambda.keras")
    line = failed(lint("lambda.keras"))
    assert "Could not load lambda.keras: it has a Python lambda" in line
    assert "--no-compiled" not in line
    model = clean()
    model.compile("sgd", lambda y, y_pred: keras.ops.mean(y - y_pred))
    with pytest.warns(UserWarning, match="includes a `lambda`"):
        model.save("loss.keras")
    assert "give --no-compiled if only the loss is one" in failed(lint("loss.keras"))
    assert lint("loss.keras", "--no-compiled")[0] == 0


def test_an_unknown_class(lint):
    class Own(layers.Layer):
        def call(self, inputs):
            return inputs

    keras.Sequential([keras.Input((4,)), Own()]).save("own.keras")
    line = failed(lint("own.keras"))
    assert "Could not load own.keras: it needs class 'Own'. Import that" in line
    assert len(line) < 200


def test_a_model_without_weights_and_arguments_out_of_range(lint):
    with pytest.warns(UserWarning, match="has not yet been built"):
        keras.Sequential([layers.Dense(3)]).save("unbuilt.keras")
    assert "`model` must be built" in failed(lint("unbuilt.keras"))
    clean().save("clean.keras")
    assert "`ignore` must be a list of codes among OCC101" in failed(
        lint("clean.keras", "--ignore", "OCC9")
    )
    assert "Received: batch_size=0" in failed(lint("clean.keras", "--batch-size", "0"))


def test_wrong_usage(lint):
    for arguments in ([], ["x.keras", "--format", "xml"]):
        status, out, err = lint(*arguments)
        assert (status, out) == (2, "")
        assert "occam lint --help" in err
