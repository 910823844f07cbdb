"""`WorkDirectory`: a directory that belongs to one job, known by its arguments."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

__all__ = ["WorkDirectory"]


class WorkDirectory:
    """A directory whose `config.json` says which job it holds, so that the job can be resumed.

    Every file is written as `*.tmp` beside its place and then moved there, so that none is ever
    half-written; a `*.tmp` that a killed process left is written over by the next.

    Args:
        path: the directory, made by `open` if it is missing.
        job: what kind of job it is, such as `"training"`.
        arguments: the parts of the configuration that must be the same to go on with the job; the
            rest (versions, git state) is for the record.
        contents: patterns of the files and directories that the job writes; a job that is deleted
            takes these and nothing else with it.
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
        """Makes the directory ready for the job `config`, keeping what an earlier try left.

        Args:
            config: JSON values in named parts.
            resume: `False` deletes a job of the same kind that is there.

        Raises:
            ValueError: the path is a file, or the directory holds something that is not such a
                job, or a job with other arguments; the message names them.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ValueError(f"{self.path} must be a directory. Received: a file")
        if self.config.exists():
            theirs = self._read_config()
            if resume:
                return self._check_same(theirs, json.loads(json.dumps(config)))
            self._delete()
        elif others := self._others():
            raise ValueError(
                f"{self.path} must be a new or an empty directory, or hold an earlier try of the "
                f"same job. Received: a directory that holds {others[0]!r}"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        return self.write_json(self.config, {"job": self._job, **config})

    def _others(self) -> list[str]:
        if not self.path.exists():
            return []
        return sorted(path.name for path in self.path.iterdir() if path.suffix != ".tmp")

    def _read_config(self) -> dict[str, Any]:
        try:
            theirs = self.read_json(self.config)
        except ValueError:
            theirs = None
        if not isinstance(theirs, dict) or theirs.get("job") != self._job:
            raise ValueError(
                f"{self.path} must be a new or an empty directory, or that of a {self._job}. "
                f"Received: one with a config.json that is not of a {self._job}"
            )
        return theirs

    def _delete(self) -> None:
        for pattern in self._contents:
            for path in self.path.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _check_same(self, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
        different = [
            f"{part} {name} {theirs[part].get(name)!r}, now {ours[part].get(name)!r}"
            for part in self._arguments
            for name in {**theirs[part], **ours[part]}
            if theirs[part].get(name) != ours[part].get(name)
        ]
        if different:
            raise ValueError(
                f"{self.path} holds a {self._job} with other arguments ({'; '.join(different)}). "
                "Name another directory, or say resume=False to delete what is there."
            )

    def read_json(self, path: Path) -> dict[str, Any]:
        """Reads a JSON file."""
        return json.loads(path.read_text())

    def write_json(self, path: Path, values: dict[str, Any]) -> None:
        """Writes a JSON file, whole or not at all; NaN and infinity are errors."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(values, indent=2, allow_nan=False) + "\n")
        temporary.replace(path)
