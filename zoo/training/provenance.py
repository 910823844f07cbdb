"""What a run was made with: versions of the packages, and the state of the user's git checkout."""

import platform
import subprocess
from importlib import metadata
from typing import Any

__all__ = ["git_state", "versions"]

_PACKAGES = ("keras-occam", "keras", "tensorflow", "numpy", "keras-tuner", "tensorflow-datasets")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that a result depends on."""
    return {"python": platform.python_version()} | {n: metadata.version(n) for n in _PACKAGES}


def git_state() -> dict[str, Any] | None:
    """The commit of the checkout in the current directory, and whether files differ from it.

    `None` outside a checkout, or where git is not installed.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    return None if commit is None else {"commit": commit, "dirty": bool(changes)}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
