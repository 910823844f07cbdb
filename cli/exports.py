"""`occam exports`."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from .command import Command
from .judged import checks_on, data_of

if TYPE_CHECKING:
    from ..exports import Checks, Version

__all__ = ["Exports"]


@dataclasses.dataclass(kw_only=True)
class Exports(Command):
    """Show the versions in a directory of exports, and whether they are still what was blessed.

    Exit status: 0 all that was looked at is blessed, 1 something is not, 2 wrong usage or no such
    directory.
    """

    failure: ClassVar[int] = 2

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the versions."""

    verify: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compare the checksums, load every version, and ask it what its gates ask."""

    run_directory: Annotated[
        Path | None, tyro.conf.arg(name="run", metavar="RUN", help_behavior_hint="(default: none)")
    ] = None
    """Directory of the run that was exported, on whose validation data to verify, too."""

    def run(self) -> int:
        """Prints a paragraph for each version; returns 1 if one is not blessed."""
        from .. import exports

        found = exports.listing(self.directory)
        checks = self._checks()
        wrong = 0
        for version in found:
            problem = version.problem
            print(_text(version))
            if self.verify and problem is None:
                problem = self._verified(version, checks)
            wrong += problem is not None
        print(f"{len(found)} version{'s' * (len(found) != 1)}, {wrong} not blessed")
        return 1 if wrong else 0

    def _checks(self) -> "Checks":
        from .. import zoo

        if self.run_directory is None:
            return checks_on(None)
        if not self.verify:
            raise ValueError(f"Expected --verify with --run. Received: --run {self.run_directory}")
        return checks_on(data_of(zoo.Run.load(self.run_directory)))

    def _verified(self, version: "Version", checks: "Checks") -> str | None:
        from .. import exports

        try:
            results = exports.verify(self.directory, version.version, checks)
        except exports.ExportError as error:
            print(f"  not verified: {error}\n")
            return str(error)
        print("\n".join(f"  verified {result.name}: {result.detail}" for result in results) + "\n")
        return None


def _text(version: "Version") -> str:
    labels = f" ({', '.join(version.labels)})" if version.labels else ""
    lines = [f"version {version.version}{labels}: {version.bytes:,} bytes"]
    if version.blessing is None:
        lines.append(f"  not blessed: {version.problem}")
    else:
        gates = ", ".join(gate.name for gate in version.blessing.gates)
        lines.append(f"  blessed {version.blessing.created}: {gates}")
    for name, specs in version.signatures.items():
        lines += [f"  {name}", *(f"    {line}" for line in str(specs).splitlines())]
    lines += [f"  format {name}: {size:,} bytes" for name, size in version.formats.items()]
    return "\n".join([*lines, ""])
