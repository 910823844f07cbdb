"""`WorkDirectory`: a directory that belongs to one job, known by its arguments."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

__all__ = ["WorkDirectory"]


class WorkDirectory:
    """A directory whose `config.json` says which job it holds, so that the job can be resumed.

    Args:
        path: the directory, made by `open` if it is missing.
        arguments: the parts of the configuration that must be the same to go on with the job; the
            rest (versions, git state) is for the record.
    """

    def __init__(self, path: str | os.PathLike[str], *, arguments: tuple[str, ...]):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self._arguments = arguments

    def open(self, config: dict[str, Any], *, resume: bool) -> None:
        """Makes the directory ready for the job `config`, keeping what an earlier try left.

        Args:
            config: JSON values in named parts.
            resume: `False` deletes a job that is there.

        Raises:
            ValueError: the directory holds something that is not such a job, or a job with other
                arguments; the message names them.
        """
        if self.config.exists() and not resume:
            shutil.rmtree(self.path)
        if self.config.exists():
            self._check_same(config)
            return
        if self.path.exists() and (others := sorted(p.name for p in self.path.iterdir())):
            raise ValueError(
                f"{self.path} must be a new or an empty directory, or hold an earlier try of the "
                f"same job. Received: a directory that holds {others[0]!r}"
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_json(self.config, config)

    def _check_same(self, config: dict[str, Any]) -> None:
        theirs, ours = self.read_json(self.config), json.loads(json.dumps(config))
        different = [
            f"{part} {name} {theirs[part].get(name)!r}, now {ours[part].get(name)!r}"
            for part in self._arguments
            for name in {**theirs[part], **ours[part]}
            if theirs[part].get(name) != ours[part].get(name)
        ]
        if different:
            raise ValueError(
                f"{self.path} holds a job with other arguments ({'; '.join(different)}). "
                "Name another directory, or say resume=False to delete what is there."
            )

    def read_json(self, path: Path) -> dict[str, Any]:
        """Reads a JSON file."""
        return json.loads(path.read_text())

    def write_json(self, path: Path, values: dict[str, Any]) -> None:
        """Writes a JSON file, whole or not at all."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(values, indent=2) + "\n")
        temporary.replace(path)
