"""`occam exports`."""

import dataclasses
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import tyro

from .command import Command
from .judged import checks_on, data_of

if TYPE_CHECKING:
    from ..exports import Blessing, Checks, Version


@dataclasses.dataclass(kw_only=True)
class Exports(Command):
    """Show the versions in a directory of exports, and whether their files are as blessed.

    Exit status: 0 if every version is blessed, 1 if one is not, 2 for wrong usage or no such
    directory.
    """

    failure: ClassVar[int] = 2

    directory: tyro.conf.Positional[Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")]]
    """Parent of the versions."""

    verify: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compare the checksums, load every version, and run its gates."""

    run_directory: Annotated[
        Path | None, tyro.conf.arg(name="run", metavar="RUN", help_behavior_hint="(default: none)")
    ] = None
    """Directory of the exported run, to verify on its validation data as well."""

    promote: Annotated[
        int | None, tyro.conf.arg(metavar="VERSION", help_behavior_hint="(default: none)")
    ] = None
    """Give the label to this version first."""

    rollback: tyro.conf.FlagCreatePairsOff[bool] = False
    """Give the label back to the version that had it before, first."""

    label: str = "stable"
    """Label for --promote and --rollback."""

    def run(self) -> int:
        """Print a paragraph for each version; return 1 if one is not blessed."""
        from .. import exports

        checks = self._checks()
        if self.promote is not None:
            exports.promote(self.directory, self.promote, self.label)
        if self.rollback:
            exports.rollback(self.directory, self.label)
        found = exports.listing(self.directory)
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
        if self.promote is not None and self.rollback:
            raise ValueError("Expected either --promote or --rollback. Received: both")
        if self.run_directory is None:
            return checks_on(None)
        if not self.verify:
            raise ValueError(f"--run needs --verify. Received: --run {self.run_directory}")
        from .. import zoo

        return checks_on(data_of(zoo.Run.load(self.run_directory)))

    def _verified(self, version: "Version", checks: "Checks") -> str | None:
        from .. import exports

        try:
            results = exports.verify(self.directory, version.version, checks)
        except exports.ExportError as error:
            print(f"  not verified: {error}\n")
            return str(error)
        lines = [f"  verified {result.name}: {result.detail}" for result in results]
        lines.append("  skipped: parity, which needs the model")
        if self.run_directory is None:
            lines.append("  skipped: metric and agreement, which need data: --run RUN")
        print("\n".join(lines) + "\n")
        return None


def _text(version: "Version") -> str:
    labels = f" ({', '.join(version.labels)})" if version.labels else ""
    lines = [f"version {version.version}{labels}: {version.bytes:,} bytes"]
    if version.blessing is None:
        lines.append(f"  not blessed: {version.problem}")
    else:
        passed = f"  blessed {version.blessing.created}: {_gates(version.blessing)}"
        lines += textwrap.wrap(passed, 80, subsequent_indent="    ")
    for name, specs in sorted(version.signatures.items(), key=_default_first):
        lines += [f"  {name}", *(f"    {line}" for line in str(specs).splitlines())]
    lines += [f"  format {name}: {size:,} bytes" for name, size in version.formats.items()]
    return "\n".join([*lines, ""])


def _gates(blessing: "Blessing") -> str:
    """Return the names of the gates; for each format, only their number."""
    names = [gate.name.rpartition("/") for gate in blessing.gates]
    own = [name for format, _, name in names if not format]
    formats = Counter(format for format, _, _ in names if format)
    return ", ".join([*own, *(f"{format} ({count})" for format, count in formats.items())])


def _default_first(signature: tuple[str, Any]) -> tuple[bool, str]:
    name, _ = signature
    return name != "serving_default", name
