"""The form of an experiment: a docstring in five parts, and a `Report`.

The docstring of an experiment begins with a title of one line. Paragraphs `Claim: ...`,
`Reference: ...`, `Time: ...` (on two cores) and `Expected: ...` follow, each once. Its function
`run(*, small=False)` returns a `Report`; with `small`, it takes seconds instead of minutes and
still shows the claim.
"""

import ast
import hashlib
import importlib
import json
import os
import pkgutil
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

from matplotlib.figure import Figure

PARTS = ("Claim", "Reference", "Time", "Expected")


@dataclass(frozen=True)
class Finding:
    """A figure that an experiment found, beside the one that was expected.

    Args:
        quantity: What was measured, with its unit if it has one.
        expected: What the theory or the paper says, such as "0" or "below that of L2".
        found: What was measured.
        holds: Whether it agrees with the expectation.
    """

    quantity: str
    expected: str
    found: str
    holds: bool


@dataclass(frozen=True)
class Report:
    """The findings of an experiment and its picture."""

    findings: tuple[Finding, ...]
    figure: Figure


@dataclass(frozen=True)
class Record:
    """The findings of an experiment that has run, as they are kept in `NAME.json`.

    Args:
        findings: The findings.
        seconds: The time that the experiment took.
        small: Whether it ran at a reduced size.
        source: The SHA-256 of the code of the module that ran.
    """

    findings: tuple[Finding, ...]
    seconds: float
    small: bool
    source: str

    @property
    def failed(self) -> list[Finding]:
        """The findings that do not agree with what was expected."""
        return [finding for finding in self.findings if not finding.holds]


def run(name: str, directory: Path, *, small: bool = False, restart: bool = False) -> Record:
    """Run an experiment, and write its picture `NAME.png` and its findings `NAME.json`.

    If `directory` has the findings of the same code at the same size and their picture, they are
    returned and nothing runs, unless `restart`. A change of the docstring or of the library does
    not count.
    """
    module = load(name)
    source = _digest(Path(str(module.__file__)).read_text("utf-8"))
    kept, picture = directory / f"{name}.json", directory / f"{name}.png"
    if kept.exists() and picture.exists() and not restart:
        try:
            values = json.loads(kept.read_text("utf-8"))
        except ValueError as error:
            raise ValueError(f"{kept} must be a JSON file. Received: {error}") from error
        if (values["small"], values["source"]) == (small, source):
            findings = tuple(Finding(**finding) for finding in values.pop("findings"))
            return Record(findings, **values)
    directory.mkdir(parents=True, exist_ok=True)  # before minutes of work
    began = time.perf_counter()
    report = module.run(small=small)
    record = Record(report.findings, time.perf_counter() - began, small, source)
    # Without the version of Matplotlib, an unchanged picture is an unchanged file.
    report.figure.savefig(picture, metadata={"Software": None})
    temporary = kept.with_suffix(".tmp")
    # `holds` may be a bool of NumPy.
    text = json.dumps(asdict(record), indent=2, ensure_ascii=False, default=bool)
    temporary.write_text(text + "\n", "utf-8")
    os.replace(temporary, kept)
    return record


def _digest(source: str) -> str:
    """Return the SHA-256 of the lines of a module after its docstring."""
    first, lines = ast.parse(source).body[0], source.splitlines()
    code = lines[first.end_lineno :] if isinstance(first, ast.Expr) else lines
    return hashlib.sha256("\n".join(code).encode()).hexdigest()


def experiments() -> tuple[str, ...]:
    """Return the names of the experiments, in alphabetical order."""
    package = __name__.rpartition(".")[0]
    modules = pkgutil.iter_modules(importlib.import_module(package).__path__)
    shared = ("experiment", "side_by_side")
    return tuple(m.name for m in modules if m.name not in shared)


def load(name: str) -> ModuleType:
    """Return the module of an experiment.

    Raises:
        ValueError: If there is no experiment of this name.
    """
    if name not in experiments():
        raise ValueError(f"`name` must be one of {', '.join(experiments())}. Received: {name!r}")
    return importlib.import_module(f".{name}", __name__.rpartition(".")[0])


def describe(module: ModuleType) -> dict[str, str]:
    """Return the title of an experiment and the parts of its docstring.

    Raises:
        ValueError: If the docstring lacks a part.
    """
    title, _, rest = (module.__doc__ or "").partition("\n")
    parts = {"Title": title.rstrip(".")}
    for name in PARTS:
        found = re.search(rf"^{name}: (.*?)(?:\n\n|\Z)", rest, re.MULTILINE | re.DOTALL)
        if found is None:
            raise ValueError(f"The docstring of {module.__name__} must have a part '{name}: ...'.")
        parts[name] = " ".join(found[1].split())
    return parts
