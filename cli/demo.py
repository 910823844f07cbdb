"""`occam demo`."""

import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ..core.text_table import table
from .command import Command

if TYPE_CHECKING:
    from ..exports import Export
    from ..zoo import Data, Regularization, Run

_EPOCHS = {"mlp": 40, "resnet1d": 16}
_WITHOUT_KERAS = (
    "import sys; sys.modules['keras'] = None; from occam.cli.main import main; main(sys.argv[1:])"
)


@dataclasses.dataclass(kw_only=True)
class DemoCommand(Command):
    """Train, tune, export and predict on MNIST-1D, with a table of the results.

    Trains resnet1d and mlp without and with regularization, tunes the mlp's, exports the best
    model (by validation accuracy) and predicts the test part in a process without Keras. Takes a
    few minutes on two cores; if it is interrupted, it resumes when it is started again.
    """

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("demo")
    """Directory for runs, trials and the SavedModel."""

    def run(self) -> None:
        from ..exports import export
        from ..zoo import load_data, preset

        data = load_data("mnist1d")
        runs = {}
        for model in ("resnet1d", "mlp"):
            for tier in ("none", "medium"):
                _say(f"training {model}, regularization: {tier}")
                runs[f"{model}-{tier}"] = self._train(model, tier, preset(model, tier), data)
        _say("tuning the mlp's regularization")
        runs["mlp-tuned"] = self._train("mlp", "tuned", self._tune(data), data)
        best = max(runs.values(), key=lambda run: run.result["validation"]["accuracy"])
        _say(f"exporting {best.directory}")
        published = export(
            best.load_model(),
            self.directory / "exports",
            class_names=data.class_names,
            preprocessing=best.load_preprocessing(),
        )
        _say("predicting the test part in a process without Keras")
        served = self._predict(published, data)
        print(_table(runs))
        print(f"\nserved, without Keras:  {served}")
        print(f"runs:                   {self.directory / 'runs'}")
        print(f"trials:                 {self.directory / 'trials'}")
        print(f"TensorBoard:            tensorboard --logdir {self.directory}")
        print(f"SavedModel:             {published.path}")

    def _train(
        self, model_name: str, name: str, regularization: "Regularization", data: "Data"
    ) -> "Run":
        from ..zoo import create_model, train

        model = create_model(model_name, data=data, regularization=regularization, seed=0)
        return train(
            model,
            data,
            epochs=_EPOCHS[model_name],
            patience=None if name == "none" else 30,  # early stopping is regularization, too
            log_dir=self.directory / "runs" / f"{model_name}-{name}",
        )

    def _tune(self, data: "Data") -> "Regularization":
        from ..tuning import Racing, tune

        found = tune(
            "mlp",
            data,
            space=("l2", "dropout", "noise"),
            base="medium",
            max_trials=6,
            racing=Racing(finalists=2, seeds=2),
            epochs=_EPOCHS["mlp"],  # the best strengths depend on it
            directory=self.directory / "trials",
        )
        return found.regularization

    def _predict(self, published: "Export", data: "Data") -> str:
        samples = self.directory / "mnist1d.npz"
        data.save(samples)
        python = [sys.executable, "-c", _WITHOUT_KERAS]
        command = ["predict", published.path.parent, samples, "--version", str(published.version)]
        arrays = ["--array", "x_test", "--labels", "y_test"]
        done = subprocess.run([*python, *command, *arrays], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"The exported model failed: {done.stderr.strip()}")
        return done.stdout.strip()


def _say(step: str) -> None:
    print(f"{step} ...", file=sys.stderr, flush=True)


def _table(runs: "dict[str, Run]") -> str:
    rows = []
    for name, run in runs.items():
        model, tier = name.split("-")
        accuracies = (run.result[part]["accuracy"] for part in ("train", "validation", "test"))
        strengths = repr(run.regularization).removeprefix("Regularization")
        gap, seconds = run.result["gap"]["accuracy"], f"{run.result['seconds']:.0f}"
        rows.append((model, f"{tier} {strengths}", *accuracies, gap, seconds))
    head = ("model", "regularization", "train", "validation", "test", "gap", "seconds")
    return table(head, rows)
