"""`WorkDirectory`: a directory that belongs to one job and lets it resume."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class WorkDirectory:
    """A directory whose `config.json` identifies its job, which can be resumed.

    Every file is written as `*.tmp` and then moved into place, so no file is ever half-written. A
    `*.tmp` that a killed process left behind is overwritten.

    Args:
        path: The directory; `open` creates it.
        job: The kind of job, such as `"training"`.
        arguments: The parts of the configuration that must be the same to resume the job.
        contents: Patterns of the files and directories that the job writes, and may delete.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        job: str,
        arguments: tuple[str, ...],
        contents: tuple[str, ...],
    ):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self._job = job
        self._arguments = arguments
        self._contents = ("config.json", "*.tmp", *contents)

    def open(self, config: dict[str, Any], *, resume: bool) -> None:
        """Prepare the directory for the job `config`, and keep the files of an earlier attempt.

        Args:
            config: JSON values in named parts.
            resume: If `False`, a job of the same kind in the directory is deleted.

        Raises:
            ValueError: If the path is a file, or the directory holds anything but a job of this
                kind and with these arguments.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} must be a directory. Received: a file")
        if self.config.exists():
            theirs = self._read_config()
            if resume:
                return self._check_same(theirs, json.loads(json.dumps(config)))
            for pattern in self._contents:
                for path in self.path.glob(pattern):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif self.path.exists():
            others = sorted(path.name for path in self.path.iterdir() if path.suffix != ".tmp")
            if others:
                raise ValueError(
                    f"{self.path} must be new or empty, or hold an earlier attempt at the same "
                    f"job. Received: a directory that holds {others[0]!r}"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        return self.write_json(self.config, {"job": self._job, **config})

    def _read_config(self) -> dict[str, Any]:
        try:
            theirs = self.read_json(self.config)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict) or theirs.get("job") != self._job:
            raise ValueError(
                f"{self.path} must be new or empty, or hold a {self._job}. "
                f"Received: a directory whose config.json is not that of a {self._job}"
            )
        return theirs

    def _check_same(self, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
        different = [
            line for part in self._arguments for line in differences(part, theirs[part], ours[part])
        ]
        if different:
            raise ValueError(
                f"{self.path} holds a {self._job} with other arguments ({'; '.join(different)}). "
                "Choose another directory, or pass resume=False (`--restart`) to delete it."
            )

    def read_json(self, path: Path) -> dict[str, Any]:
        """Read a JSON file; raise a `ValueError` with its path if it is none."""
        try:
            return json.loads(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path} must be a JSON file. Received: {error}") from error

    def write_json(self, path: Path, values: dict[str, Any]) -> None:
        """Write a JSON file, entirely or not at all. NaN and infinity are errors."""
        write_json(path, values, indent=2, allow_nan=False)


def write_json(path: Path, values: dict[str, Any], **options: Any) -> None:
    """Write a JSON file, entirely or not at all, with options of `json.dumps`."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(values, **options) + "\n")
    temporary.replace(path)


def differences(name: str, theirs: Any, ours: Any) -> Iterator[str]:
    """Describe the values, at any depth, in which two configurations differ."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in {**theirs, **ours}:
            yield from differences(f"{name} {key}", theirs.get(key), ours.get(key))
    elif theirs != ours:
        yield f"{name} {theirs!r}, now {ours!r}"
