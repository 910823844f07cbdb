"""`occam predict`."""

import csv
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from ..core.checks import message
from .command import Command, VersionsDirectory

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from ..exports import Predictor

_TABLES = (".csv", ".tsv", ".parquet")


@dataclasses.dataclass(kw_only=True)
class PredictCommand(Command):
    """Predict raw samples with an exported model, without Keras, and print CSV."""

    directory: VersionsDirectory

    samples: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="SAMPLES")]]
    """File with the samples: a .npz file (`occam data --save` writes one), or a .csv, .tsv or
    .parquet table with the columns that the model takes."""

    array: str = "x"
    """Name of the array with the samples in a .npz file."""

    labels: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME ...")] = ()
    """Array or columns with the targets; prints the scores of the model instead."""

    version: Annotated[int | None, tyro.conf.arg(help_behavior_hint="(default: the latest)")] = None
    """Number of the version."""

    def run(self) -> None:
        from .. import exports

        predictor = exports.load(self.directory, self.version)
        if self.samples.suffix.lower() in _TABLES:
            x, targets = self._read_table(predictor)
        else:
            x = self._read_array(self.array)
            targets = self._read_array(self.labels[0]) if self.labels else None
        answers = predictor.predict(x)
        if targets is not None:
            print(_scores(predictor, answers, targets))
            return
        writer = csv.writer(sys.stdout)
        columns = dict(_columns(predictor, answers))
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow([f"{v:.6f}" if isinstance(v, float) else v for v in row])

    def _read_table(self, predictor: "Predictor") -> tuple[dict[str, Any], Any]:
        """Return the columns that the model takes, and the targets."""
        import numpy as np

        frame = self._frame([n for n, s in predictor.inputs.items() if s.dtype.name == "string"])
        if missing := [n for n in (*predictor.inputs, *self.labels) if n not in frame]:
            raise ValueError(
                f"{self.samples} has no column {', '.join(missing)}: it has {', '.join(frame)}."
            )
        x = {
            name: frame[name] if spec.dtype.name == "string" else self._numbers(frame[name])
            for name, spec in predictor.inputs.items()
        }
        if not self.labels:
            return x, None
        if predictor.task in ("regression", "multilabel"):
            columns = [self._numbers(frame[name]) for name in self.labels]
        else:
            columns = [frame[name].to_numpy() for name in self.labels]
        return x, columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def _frame(self, strings: Sequence[str]) -> "pd.DataFrame":
        """Return the table; the columns `strings` are not read as numbers: "007" is not 7."""
        import pandas as pd

        suffix = self.samples.suffix.lower()
        if suffix == ".parquet":
            return pd.read_parquet(self.samples)
        separator = "\t" if suffix == ".tsv" else ","
        try:
            return pd.read_csv(self.samples, sep=separator, dtype=dict.fromkeys(strings, str))
        except pd.errors.EmptyDataError:
            raise ValueError(
                f"{self.samples} must have a first line with the names of the columns. "
                "Received: an empty file"
            ) from None

    def _numbers(self, column: "pd.Series") -> "np.ndarray[Any, Any]":
        """Return a column as numbers, NaN where it is empty."""
        import pandas as pd

        numbers: Any = pd.to_numeric(column, errors="coerce")
        wrong: Any = column[numbers.isna() & column.notna()]
        if len(wrong):
            raise ValueError(
                f"{self.samples}: column {column.name!r} must hold numbers. "
                f"Received: {wrong.iloc[0]!r}"
            )
        return numbers.to_numpy("float64", na_value=float("nan"))

    def _read_array(self, name: str) -> "np.ndarray[Any, Any]":
        import numpy as np

        try:
            with self.samples.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                if name in file.files:
                    return file[name]
                found = ", ".join(file.files)
        except OSError:  # its message names the path
            raise
        except Exception as error:  # of NumPy, zipfile or zlib, if the archive is broken
            raise ValueError(f"Could not read {self.samples}: it is not a .npz file.") from error
        raise ValueError(f"{self.samples} has no array {name!r}: it has {found}.")


def _columns(predictor: "Predictor", answers: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the name and the values of each column of the output."""
    if predictor.task == "classification":
        yield "label", answers["label"].tolist()
        if "prediction_set" in answers:
            yield "prediction_set", _joined(answers["prediction_set"])
        for name, column in zip(predictor.class_names, answers["probabilities"].T, strict=True):
            yield name, column.tolist()
    elif predictor.task == "multilabel":
        yield "labels", _joined(answers["labels"])
        for name, column in zip(predictor.class_names, answers["probabilities"].T, strict=True):
            yield name, column.tolist()
    elif predictor.task == "regression":
        for target, name in enumerate(predictor.target_names):
            yield name, answers["values"][:, target].tolist()
            if "intervals" in answers:
                for side, bound in enumerate(("low", "high")):
                    yield f"{name} {bound}", answers["intervals"][:, target, side].tolist()
    else:
        for name, array in answers.items():
            flat = array.reshape(len(array), -1)
            for place, column in enumerate(flat.T):
                yield name if flat.shape[1] == 1 else f"{name} {place}", column.tolist()


def _joined(names: Any) -> list[str]:
    return [" ".join(name for name in row if name) for row in names.tolist()]


def _scores(predictor: "Predictor", answers: Any, targets: "np.ndarray[Any, Any]") -> str:
    if not len(targets):
        raise ValueError("The file has no samples to compare.")
    if predictor.task == "classification":
        return _accuracy(answers["label"], _names(targets, predictor.class_names))
    if predictor.task == "outputs":
        raise ValueError("`labels` must be omitted for a model without a task.")
    scores = predictor.head.scores(answers, predictor.head.targets(targets))
    return ", ".join(f"{name} {value:.4f}" for name, value in scores.items())


def _names(labels: "np.ndarray[Any, Any]", class_names: Sequence[str]) -> "np.ndarray[Any, Any]":
    """Return an array of labels as class names."""
    if labels.dtype.kind == "f" and (labels == labels.round()).all():
        labels = labels.astype(int)
    names = labels.astype(str)
    if unknown := sorted(set(names.ravel()) - set(class_names)):
        raise ValueError(message("labels", str(unknown[0]), f"among {', '.join(class_names)}"))
    return names


def _accuracy(answers: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]") -> str:
    if answers.shape != labels.shape:
        raise ValueError(
            f"The labels must have the shape {answers.shape}, one for each sample. "
            f"Received: shape {labels.shape}"
        )
    correct = int((answers == labels).sum())
    return f"accuracy {correct / len(labels):.4f} ({correct} of {len(labels)})"
