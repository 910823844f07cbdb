"""`occam exports`."""

import dataclasses
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import tyro

from .command import Command, VersionsDirectory
from .export import checks_on, load_data_of

if TYPE_CHECKING:
    from ..exports import Blessing, Checks, Version


@dataclasses.dataclass(kw_only=True)
class ExportsCommand(Command):
    """Show the versions in a directory of exports, and check their blessings.

    Exit status: 0 if every version is blessed, 1 if one is not, 2 for wrong usage or a missing
    directory.
    """

    failure: ClassVar[int] = 2

    directory: VersionsDirectory

    verify: bool = False
    """Compare the checksums, load every version, and run its gates."""

    run_directory: Annotated[
        Path | None, tyro.conf.arg(name="run", metavar="RUN", help_behavior_hint="(default: none)")
    ] = None
    """Directory of the exported run, to verify on its validation data as well."""

    promote: Annotated[
        int | None, tyro.conf.arg(metavar="VERSION", help_behavior_hint="(default: none)")
    ] = None
    """First, give the label to this version."""

    rollback: bool = False
    """First, give the label back to the version that had it before."""

    label: str = "stable"
    """Label for --promote and --rollback."""

    def run(self) -> int:
        from .. import exports

        checks = self._checks()
        if self.promote is not None:
            exports.promote(self.directory, self.promote, self.label)
        if self.rollback:
            exports.rollback(self.directory, self.label)
        versions = exports.listing(self.directory)
        failed = 0
        for version in versions:
            print(_text(version))
            blessed = version.problem is None
            if self.verify and blessed:
                blessed = self._verify(version, checks)
            failed += not blessed
        print(f"{len(versions)} version{'s' * (len(versions) != 1)}, {failed} not blessed")
        return 1 if failed else 0

    def _checks(self) -> "Checks":
        if self.promote is not None and self.rollback:
            raise ValueError("Give either `--promote` or `--rollback`, not both.")
        if self.run_directory is None:
            return checks_on(None)
        if not self.verify:
            raise ValueError("`--run` needs `--verify`.")
        from .. import zoo

        return checks_on(load_data_of(zoo.Run.load(self.run_directory)))

    def _verify(self, version: "Version", checks: "Checks") -> bool:
        from .. import exports

        try:
            results = exports.verify(self.directory, version.version, checks)
        except exports.ExportError as error:
            print(f"  not verified: {error}\n")
            return False
        for result in results:
            print(f"  verified {result.name}: {result.detail}")
        print("  skipped: parity, which needs the model")
        if self.run_directory is None:
            print("  skipped: metric and agreement, which need data: --run RUN")
        print()
        return True


def _text(version: "Version") -> str:
    labels = f" ({', '.join(version.labels)})" if version.labels else ""
    lines = [f"version {version.version}{labels}: {version.bytes:,} bytes"]
    if version.blessing is None:
        lines.append(f"  not blessed: {version.problem}")
    else:
        passed = f"  blessed {version.blessing.created}: {_gates(version.blessing)}"
        lines += textwrap.wrap(passed, 80, subsequent_indent="    ")
    for name in sorted(version.signatures, key=lambda name: (name != "serving_default", name)):
        lines += [f"  {name}", textwrap.indent(str(version.signatures[name]), "    ")]
    lines += [f"  format {name}: {size:,} bytes" for name, size in version.formats.items()]
    return "\n".join([*lines, ""])


def _gates(blessing: "Blessing") -> str:
    """Return the names of the gates; for each format, only their number."""
    names = [gate.name.rpartition("/") for gate in blessing.gates]
    own = [name for format, _, name in names if not format]
    formats = Counter(format for format, _, _ in names if format)
    return ", ".join([*own, *(f"{format} ({count})" for format, count in formats.items())])
