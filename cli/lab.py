"""`occam lab`."""

import dataclasses
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ..core.text_table import table
from .command import Command

if TYPE_CHECKING:
    # Not relative: in the checkout, the folder is examples/lab.
    from occam.lab.experiment import Record

_HEAD = ("quantity", "expected", "found", "holds")
_ABOUT = """\
# The laboratory
Claims about regularization as experiments that anyone can run. `occam lab list` names them,
`occam lab run NAME` runs one, and `make lab` regenerates this page. The code is in `examples/lab/`,
one short module per experiment. `±` is one standard error over seeds. A difference
holds if it is beyond two standard errors of the pairs; the module has the rule of each line.
"""


@dataclasses.dataclass(kw_only=True)
class LabCommand(Command):
    """List or run the experiments of the laboratory: claims about regularization, measured.

    `occam lab list` prints names and titles. `occam lab run NAME` prints what was expected and what
    was found, and draws a picture. `occam lab run all` also writes a page of all experiments; those
    that have run before, with the same code and size, do not run again.
    """

    action: tyro.conf.Positional[
        Annotated[
            Literal["list", "run"],
            tyro.conf.arg(metavar="{list,run}", help_behavior_hint="(required)"),
        ]
    ]
    """List the experiments, or run one."""

    name: tyro.conf.Positional[
        Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="(required by run)")]
    ] = None
    """Name of the experiment to run, or all."""

    directory: Annotated[Path, tyro.conf.arg(metavar="DIR")] = Path("lab")
    """Directory of the pictures, DIR/NAME.png, and the findings, DIR/NAME.json."""

    page: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="(default: DIR/lab.md)")
    ] = None
    """Page in Markdown that `run all` writes."""

    small: bool = False
    """Run at a reduced size, in seconds."""

    restart: bool = False
    """Run again what has run before."""

    def run(self) -> None:
        from occam.lab import experiments

        if self.action == "list":
            if self.name is not None:
                raise ValueError(f"`list` takes no name. Received: {self.name!r}")
            titles = [(name, _parts(name)["Title"]) for name in experiments()]
            print(table(("name", "title"), titles))
        elif self.name is None:
            raise ValueError("`run` needs the name of an experiment, or all.")
        elif self.name == "all":
            self._run_all(experiments())
        elif self.page is not None:
            raise ValueError("`--page` needs `run all`.")
        else:
            parts = _parts(self.name)  # before the experiment, which may take minutes
            print(_text(self.name, parts, self._record(self.name)))
            print(f"picture: {self.directory / self.name}.png")

    def _run_all(self, names: tuple[str, ...]) -> None:
        from tqdm import tqdm

        parts = {name: _parts(name) for name in names}
        sections, page = [], self._page()
        page.parent.mkdir(parents=True, exist_ok=True)
        size = "\nThis page was written at reduced size.\n" if self.small else ""
        with tqdm(names, unit="experiment") as bar:
            for name in bar:
                bar.set_postfix_str(name)
                record = self._record(name)
                with tqdm.external_write_mode():
                    print(_text(name, parts[name], record), end="\n\n")
                sections.append(self._section(name, parts[name], record))
                # After each experiment: if a later one fails, the page has the earlier ones.
                page.write_text("\n".join([_ABOUT + size, *sections]), encoding="utf-8")
        print(f"page: {page}")

    def _page(self) -> Path:
        return self.directory / "lab.md" if self.page is None else self.page

    def _record(self, name: str) -> "Record":
        from occam.lab.experiment import run

        return run(name, self.directory, small=self.small, restart=self.restart)

    def _section(self, name: str, parts: dict[str, str], record: "Record") -> str:
        """Return an experiment's section of the page."""
        picture = os.path.relpath(self.directory / f"{name}.png", self._page().parent)
        rows = (_HEAD, ("---",) * len(_HEAD), *_rows(record))
        lines = [" | ".join(cell.replace("|", r"\|") for cell in row) for row in rows]
        return "\n".join(
            [
                f"## {parts['Title']}",
                f"**Claim.** {parts['Claim']}\n",
                f"**Found.** {_verdict(record)} {parts['Expected']}\n",
                *(f"| {line} |" for line in lines),
                f"\n![{parts['Title']}]({Path(picture).as_posix()})\n",
                f"**Reference.** {parts['Reference']}\n",
                f"`occam lab run {name}`: {record.seconds:.1f} seconds.\n",
            ]
        )


def _parts(name: str) -> dict[str, str]:
    from occam.lab import load
    from occam.lab.experiment import describe

    return describe(load(name))


def _rows(record: "Record") -> list[tuple[str, ...]]:
    return [(f.quantity, f.expected, f.found, "yes" if f.holds else "NO") for f in record.findings]


def _verdict(record: "Record") -> str:
    if not record.failed:
        return "All findings agree with the claim."
    count = f"{len(record.failed)} of {len(record.findings)} findings"
    quantities = "; ".join(finding.quantity for finding in record.failed)
    return f"Against the claim ({count}): {quantities}."


def _text(name: str, parts: dict[str, str], record: "Record") -> str:
    about = (f"{part}: {parts[part]}" for part in ("Claim", "Reference"))
    options = {"break_long_words": False, "break_on_hyphens": False}  # links stay whole
    return "\n".join(
        [
            f"{name}: {parts['Title']}",
            *(
                "\n".join(textwrap.wrap(text, 80, subsequent_indent="  ", **options))
                for text in about
            ),
            "",
            table(_HEAD, _rows(record)),
            "",
            f"{_verdict(record)} ({record.seconds:.1f} seconds)",
        ]
    )
