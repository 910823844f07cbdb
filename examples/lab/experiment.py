"""The form of an experiment: a docstring in five parts, and a `Report`.

The docstring of an experiment begins with a title of one line. Paragraphs `Claim: ...`,
`Reference: ...`, `Time: ...` (on two cores) and `Expected: ...` follow, each once. Its function
`run(*, small=False)` returns a `Report`; with `small`, it takes seconds instead of minutes and
still shows the claim.
"""

import importlib
import pkgutil
import re
from dataclasses import dataclass
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

    @property
    def holds(self) -> bool:
        """Whether all findings agree with what was expected."""
        return all(finding.holds for finding in self.findings)


def experiments() -> tuple[str, ...]:
    """Return the names of the experiments, in alphabetical order."""
    package = __name__.rpartition(".")[0]
    modules = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return tuple(m.name for m in modules if m.name != __name__.rpartition(".")[2])


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
